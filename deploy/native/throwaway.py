"""Settings of a stack for a single command: free ports, and a separate folder."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deploy.native.endpoints import LOOPBACK
from project.config import Settings

PORT_COUNT = 10


def throwaway_settings(settings: Settings, data: Path, ports: list[int]) -> dict[str, str]:
    """Return environment variables that move everything to these ports and this folder."""
    (
        web,
        flower,
        mailcatcher,
        smtp,
        broker,
        management,
        metrics,
        node,
        epmd,
        redis,
    ) = ports
    return {
        "JOBS_WEB_HOST": LOOPBACK,
        "JOBS_WEB_PORT": str(web),
        "JOBS_PUBLIC_URL": f"http://localhost:{web}",
        "JOBS_FLOWER_HOST": LOOPBACK,
        "JOBS_FLOWER_PORT": str(flower),
        "JOBS_FLOWER_DATABASE": str(data / "flower" / "flower.db"),
        "JOBS_MAILCATCHER_HOST": LOOPBACK,
        "JOBS_MAILCATCHER_PORT": str(mailcatcher),
        "JOBS_MAIL_DIR": str(data / "mail"),
        "JOBS_SMTP_URL": f"smtp://{LOOPBACK}:{smtp}",
        "JOBS_BROKER_URL": _moved(settings.broker_url, "amqp", broker),
        "JOBS_MANAGEMENT_URL": _moved(settings.management_url, "http", management),
        "JOBS_REDIS_URL": _moved(settings.redis_url, "redis", redis),
        "JOBS_RABBITMQ_METRICS_PORT": str(metrics),
        "JOBS_RABBITMQ_NODE_PORT": str(node),
        "JOBS_RABBITMQ_EPMD_PORT": str(epmd),
        "JOBS_FILES_URL": str(data / "files"),
        "JOBS_SCRATCH_DIR": str(data / "scratch"),
        "JOBS_LOG_DIR": str(data / "logs"),
        # Tests crawl their own sites, on this machine.
        "JOBS_CRAWL_ALLOWED_NETWORKS": f"{LOOPBACK}/32",
    }


def _moved(url: str, scheme: str, port: int) -> str:
    """Return the URL with its user, password and path, on this machine and this port."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(scheme=scheme, netloc=f"{login}{at}{LOOPBACK}:{port}"))
