"""What runs where, and how to sign in: the table printed after a start."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from deploy.native.endpoints import LOOPBACK, catches_mail, reachable_host, url_port
from deploy.native.places import ROOT, Places
from deploy.rabbitmq.definitions import (
    ADMINISTRATOR,
    application_login,
    monitoring_login,
    virtual_host,
)
from project.config import DEVELOPMENT_MARK, Settings


class Row(NamedTuple):
    """One row: a program, its address, and how to sign in."""

    what: str
    where: str = ""
    sign_in: str = ""


def render(settings: Settings, places: Places) -> str:
    """Return the table, and the notes below it."""
    return "\n".join([*_lines(_rows(settings)), "", *_notes(settings, places)])


def _rows(settings: Settings) -> list[Row]:
    admin = _login(ADMINISTRATOR, settings.admin_password, "JOBS_ADMIN_PASSWORD")
    monitor = _login(*monitoring_login(settings), "JOBS_MANAGEMENT_URL")
    application = _login(*application_login(settings), "JOBS_BROKER_URL")
    flower_user, _, flower_password = settings.flower_login.partition(":")
    flower = _login(flower_user, flower_password, "JOBS_FLOWER_LOGIN")
    redis_password = unquote(urlsplit(settings.redis_url).password or "")
    redis = f"{LOOPBACK}:{url_port(settings.redis_url)}{urlsplit(settings.redis_url).path}"
    amqp = f"{LOOPBACK}:{url_port(settings.broker_url)}, virtual host {virtual_host(settings)}"
    return [
        Row("WHAT", "WHERE", "SIGN IN AS"),
        Row("Page", settings.public_url),
        *_mail_rows(settings),
        Row("Flower", _http(settings.flower_host, settings.flower_port), flower),
        Row("RabbitMQ console", _http(LOOPBACK, url_port(settings.management_url)), admin),
        Row("", "", f"{monitor} (read only)"),
        Row("RabbitMQ", amqp, application),
        Row("RabbitMQ metrics", _http(LOOPBACK, settings.rabbitmq_metrics_port) + "/metrics"),
        Row("Redis", redis, _shown(redis_password, "JOBS_REDIS_URL")),
        *(
            Row(f"Worker, {queue.name} queue", _count_processes(queue.concurrency))
            for queue in settings.job_queues.values()
        ),
        Row("Scheduler", "1 process"),
    ]


def _count_processes(number: int) -> str:
    return f"{number} process{'' if number == 1 else 'es'}"


def _mail_rows(settings: Settings) -> list[Row]:
    if not catches_mail(settings):
        return [Row("Mail", f"goes to {urlsplit(settings.smtp_url).hostname} (JOBS_SMTP_URL)")]
    page = _http(settings.mailcatcher_host, settings.mailcatcher_port)
    return [Row("Caught mail", f"{page} (SMTP on port {url_port(settings.smtp_url)})")]


def _notes(settings: Settings, places: Places) -> list[str]:
    mail = [f"Mail      {settings.mail_dir}/"] if catches_mail(settings) else []
    defaults = [
        f"Passwords with `{DEVELOPMENT_MARK}` in them are defaults for this machine only: "
        "production refuses them."
    ]
    return [
        f"Logs      {settings.log_dir}/*.jsonl, one JSON object a line",
        f"          {_short(places.supervisor)}/*.log, the programs' output",
        *mail,
        "Stop      Ctrl-C, or `make stop` in any terminal",
        *(defaults if _uses_defaults(settings) else []),
    ]


def _lines(rows: Iterable[Row]) -> list[str]:
    rows = list(rows)
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [
        f"  {row.what:<{widths[0]}}  {row.where:<{widths[1]}}  {row.sign_in}".rstrip()
        for row in rows
    ]


def _uses_defaults(settings: Settings) -> bool:
    return any(isinstance(value, str) and DEVELOPMENT_MARK in value for _, value in settings)


def _login(user: str, password: str, setting: str) -> str:
    return f"{user} / {_shown(password, setting)}"


def _shown(password: str, setting: str) -> str:
    """Return a development default, which is not secret, but never any other password."""
    return password if DEVELOPMENT_MARK in password or not password else f"as in {setting}"


def _short(path: Path) -> str:
    """Return the path relative to the repository's root."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _http(host: str, port: int) -> str:
    return f"http://{reachable_host(host)}:{port}"
