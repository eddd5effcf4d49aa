"""Every address the native stack listens on, and the setting that changes it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from project.config import Settings

LOOPBACK = "127.0.0.1"
STANDARD_PORTS = {"amqp": 5672, "redis": 6379, "http": 80, "smtp": 25}


@dataclass(frozen=True)
class Endpoint:
    """A listening socket."""

    name: str
    host: str
    port: int
    setting: str


def list_endpoints(settings: Settings) -> list[Endpoint]:
    """Return all endpoints. RabbitMQ and Redis listen on the loopback address only."""

    def local(name: str, port: int, setting: str) -> Endpoint:
        return Endpoint(name, LOOPBACK, port, setting)

    found = [
        Endpoint("web page", settings.web_host, settings.web_port, "JOBS_WEB_PORT"),
        Endpoint("Flower", settings.flower_host, settings.flower_port, "JOBS_FLOWER_PORT"),
        local("RabbitMQ", url_port(settings.broker_url), "JOBS_BROKER_URL"),
        local("RabbitMQ console", url_port(settings.management_url), "JOBS_MANAGEMENT_URL"),
        local("RabbitMQ metrics", settings.rabbitmq_metrics_port, "JOBS_RABBITMQ_METRICS_PORT"),
        local("RabbitMQ node", settings.rabbitmq_node_port, "JOBS_RABBITMQ_NODE_PORT"),
        local("Erlang port mapper", settings.rabbitmq_epmd_port, "JOBS_RABBITMQ_EPMD_PORT"),
        local("Redis", url_port(settings.redis_url), "JOBS_REDIS_URL"),
    ]
    if catches_mail(settings):
        host, port = settings.mailcatcher_host, settings.mailcatcher_port
        found.append(Endpoint("mail catcher", host, port, "JOBS_MAILCATCHER_PORT"))
        found.append(
            Endpoint("mail catcher (SMTP)", host, url_port(settings.smtp_url), "JOBS_SMTP_URL")
        )
    return found


def catches_mail(settings: Settings) -> bool:
    """Whether mail goes to this machine's catcher; otherwise the catcher is not started."""
    parts = urlsplit(settings.smtp_url)
    return parts.scheme == "smtp" and _is_here(parts.hostname)


def find_unsuitable(settings: Settings) -> list[str]:
    """Return a sentence for each URL that names a server which this stack cannot start."""
    sentences = []
    for name, scheme in (
        ("broker_url", "amqp"),
        ("management_url", "http"),
        ("redis_url", "redis"),
    ):
        parts = urlsplit(getattr(settings, name))
        if parts.scheme != scheme or not _is_here(parts.hostname):
            sentences.append(
                f"JOBS_{name.upper()} names {parts.scheme}://{parts.hostname}, but this starts "
                f"its own servers: unset it, or use {scheme}:// and {LOOPBACK}."
            )
    if urlsplit(settings.redis_url).username:
        sentences.append(
            "JOBS_REDIS_URL names a user, but the Redis started here only has a password."
        )
    return sentences


def url_port(url: str) -> int:
    """Return the URL's port, or its scheme's default port."""
    parts = urlsplit(url)
    return parts.port or STANDARD_PORTS[parts.scheme]


def reachable_host(host: str) -> str:
    """Return an address that reaches a server listening on `host` from this machine."""
    return LOOPBACK if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound


def _is_here(host: str | None) -> bool:
    return host in (LOOPBACK, "localhost")
