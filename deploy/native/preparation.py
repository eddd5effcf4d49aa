"""Writes the start configuration of RabbitMQ and Redis, including secrets.

The configuration that all ways of running share is in `deploy/rabbitmq` and `deploy/redis`; this
adds one stack's addresses, folders and passwords.
"""

import json
import os
import secrets
import socket
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deploy.native.endpoints import LOOPBACK, url_port
from deploy.native.places import ROOT, Places
from deploy.rabbitmq.definitions import render, write_private
from project.config import Settings

RABBITMQ_PLUGINS = "[rabbitmq_management,rabbitmq_prometheus]."

# Variables of the user's shell for the machine's own services, which would change ours.
OTHERS_VARIABLES = ("RABBITMQ_", "ERL_", "FLOWER_", "GUNICORN_", "CELERY_", "SUPERVISOR_")

# Time beyond the workers' grace period: to requeue unfinished jobs, and to end.
WORKER_STOP_MARGIN_SECONDS = 15


def prepare(settings: Settings, places: Places) -> None:
    """Write everything again at every start: the settings are the only source."""
    places.make()
    _prepare_rabbitmq(settings, places)
    write_private(places.redis / "redis.conf", _redis_configuration(settings, places))


def supervisor_environment(settings: Settings, places: Places) -> dict[str, str]:
    """Return supervisord's environment, which `supervisord.conf` and the programs read."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(OTHERS_VARIABLES)
    }
    return {
        **inherited,
        # The programs' commands come from this Python's environment.
        "PATH": os.pathsep.join([f"{sys.prefix}/bin", os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "NATIVE_ROOT": str(ROOT),
        "NATIVE_DATA": str(places.data),
        "NATIVE_SOCKET": str(places.socket),
        "NATIVE_NODE_PORT": str(settings.rabbitmq_node_port),
        "NATIVE_EPMD_PORT": str(settings.rabbitmq_epmd_port),
        "NATIVE_WORKER_STOP_SECONDS": str(
            int(settings.shutdown_seconds) + WORKER_STOP_MARGIN_SECONDS
        ),
    }


def _prepare_rabbitmq(settings: Settings, places: Places) -> None:
    folder = places.rabbitmq
    for name in ("home", "conf.d", "log"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    definitions = folder / "definitions.json"
    write_private(definitions, json.dumps(render(settings)))
    shared = (ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text()
    write_private(folder / "conf.d" / "10-shared.conf", shared)
    own = _rabbitmq_configuration(settings, places, definitions)
    write_private(folder / "conf.d" / "20-native.conf", own)
    write_private(folder / "enabled_plugins", RABBITMQ_PLUGINS + "\n")
    # The cookie authorises nodes and tools. Each data folder has its own, never the user's.
    cookie = folder / "home" / ".erlang.cookie"
    if not cookie.exists():
        write_private(cookie, secrets.token_hex(20))


def _rabbitmq_configuration(settings: Settings, places: Places, definitions: Path) -> str:
    log = places.logs / f"rabbitmq.{socket.gethostname()}.jsonl"
    return (
        f"listeners.tcp.1 = {LOOPBACK}:{url_port(settings.broker_url)}\n"
        f"management.tcp.ip = {LOOPBACK}\n"
        f"management.tcp.port = {url_port(settings.management_url)}\n"
        f"prometheus.tcp.ip = {LOOPBACK}\n"
        f"prometheus.tcp.port = {settings.rabbitmq_metrics_port}\n"
        f"load_definitions = {definitions}\n"
        f"log.file = {log}\n"
        "log.console = false\n"
    )


def _redis_configuration(settings: Settings, places: Places) -> str:
    password = unquote(urlsplit(settings.redis_url).password or "")
    return (
        f"include {_quoted(str(ROOT / 'deploy/redis/redis.conf'))}\n"
        f"bind {LOOPBACK}\n"
        f"port {url_port(settings.redis_url)}\n"
        f"dir {_quoted(str(places.redis))}\n"
        f"requirepass {_quoted(password)}\n"
    )


def _quoted(text: str) -> str:
    """Quote for Redis: in double quotes, with a backslash before each quote and backslash."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
