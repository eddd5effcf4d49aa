"""Renders the definitions that RabbitMQ loads at its start: virtual host, users, rights, topology.

    python -m deploy.rabbitmq.definitions [--output FILE]

The topology is `topology.py`'s, from `project.broker.topology`; names and passwords come from the
settings, so each has a single source. RabbitMQ adds what is missing and renews users and rights at
every start; it never changes or removes an existing queue.
"""

import argparse
import base64
import hashlib
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any, NamedTuple

from kombu.utils.url import parse_url

from deploy.rabbitmq.topology import topology
from project.config import Settings

ADMINISTRATOR = "admin"

# A Celery worker declares its own queues (events, remote control, delayed delivery) at its start,
# so the application may configure these names. It can neither create nor delete other queues, nor
# `celery`, the queue that a client with Celery's defaults would declare: nothing consumes it.
APPLICATION_CONFIGURES = r"^(celeryev.*|celery_delayed_.+|celery\.pidbox|.+\.celery\.pidbox)$"
ANYTHING = ".*"
NOTHING = "^$"


class Login(NamedTuple):
    """A user as a URL names it."""

    name: str
    password: str


def main() -> None:
    """Write the definitions to the given file, or to standard output."""
    parser = argparse.ArgumentParser(prog="python -m deploy.rabbitmq.definitions")
    parser.add_argument("--output", type=Path, help="file to write; default: standard output")
    output = parser.parse_args().output
    text = json.dumps(render(Settings()), indent=2) + "\n"
    if output:
        write_private(output, text)
    else:
        sys.stdout.write(text)


def render(settings: Settings) -> dict[str, Any]:
    """Return the whole definitions document, in a form that RabbitMQ 3.10 and 4.x read."""
    vhost = virtual_host(settings)
    return {
        "vhosts": [{"name": vhost}],
        "users": _users(settings),
        "permissions": _permissions(settings, vhost),
        **topology(vhost, settings.job_queues),
    }


def application_login(settings: Settings) -> Login:
    """Return the user of `JOBS_BROKER_URL`."""
    return _login(settings.broker_url, "JOBS_BROKER_URL")


def monitoring_login(settings: Settings) -> Login:
    """Return the user of `JOBS_MANAGEMENT_URL`."""
    return _login(settings.management_url, "JOBS_MANAGEMENT_URL")


def virtual_host(settings: Settings) -> str:
    """Return the virtual host of `JOBS_BROKER_URL`."""
    return parse_url(settings.broker_url)["virtual_host"] or "/"


def password_hash(password: str, salt: bytes) -> str:
    """Return RabbitMQ's salted SHA-256: base64 of a 4-byte salt, then of the salted digest.

    Source: https://www.rabbitmq.com/docs/passwords#computing-password-hash
    """
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def write_private(path: Path, text: str) -> None:
    """Replace the file atomically, readable by its owner only: it holds secrets or their hashes."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _login(url: str, setting: str) -> Login:
    parts = parse_url(url)
    if not parts["userid"] or not parts["password"]:
        raise ValueError(f"{setting} must name a user and a password: scheme://user:password@host")
    return Login(parts["userid"], parts["password"])


def _users(settings: Settings) -> list[dict[str, Any]]:
    """Return administrator, application and monitor, each with the fewest rights it needs."""
    application, monitor = application_login(settings), monitoring_login(settings)
    logins = {
        Login(ADMINISTRATOR, settings.admin_password): ["administrator"],
        application: [],
        monitor: ["monitoring"],
    }
    if len({login.name for login in logins}) < 3:
        raise ValueError(
            f"JOBS_BROKER_URL and JOBS_MANAGEMENT_URL must name two different users, and neither "
            f"may be {ADMINISTRATOR}: otherwise one would get the rights of the other"
        )
    return [
        {
            "name": login.name,
            "password_hash": password_hash(login.password, secrets.token_bytes(4)),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": tags,
        }
        for login, tags in logins.items()
    ]


def _permissions(settings: Settings, vhost: str) -> list[dict[str, str]]:
    def permit(user: str, configure: str, write: str, read: str) -> dict[str, str]:
        return {
            "user": user,
            "vhost": vhost,
            "configure": configure,
            "write": write,
            "read": read,
        }

    return [
        permit(ADMINISTRATOR, ANYTHING, ANYTHING, ANYTHING),
        permit(application_login(settings).name, APPLICATION_CONFIGURES, ANYTHING, ANYTHING),
        # The monitor sees all numbers of the virtual host, but no messages.
        permit(monitoring_login(settings).name, NOTHING, NOTHING, NOTHING),
    ]


if __name__ == "__main__":
    main()
