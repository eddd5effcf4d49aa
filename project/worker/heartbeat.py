"""A worker's sign of life: a file for who watches the process, a Redis key for who wants to know.

The file says that the process lives, whatever has become of the broker and Redis: an outage of
theirs is no reason to start a worker anew. Its age is cheap to ask for, unlike `inspect ping`.
"""

import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import structlog
from redis import Redis, RedisError

from project.config import Settings
from project.redis_client import connect_impatient

_log = structlog.get_logger()

INTERVAL_SECONDS = 5
LIFETIME_SECONDS = 20


def heartbeat_key(role: str, host: str) -> str:
    """The key of that role's worker on that host."""
    return f"worker:{role}:{host}"


def start_heartbeat(settings: Settings, node_name: str) -> None:
    """Give signs of life from a thread, now and every few seconds, until the process ends."""
    redis = connect_impatient(settings.redis_url)
    key = heartbeat_key(settings.role, socket.gethostname())
    thread = threading.Thread(
        target=_beat, args=(redis, key, node_name, settings.heartbeat_file), daemon=True
    )
    thread.start()


def _beat(redis: "Redis", key: str, node_name: str, file: str) -> None:
    while True:
        if file:
            _touch(Path(file))
        # Without Redis there is nobody to tell; the next beat tells again.
        with suppress(RedisError):
            redis.set(key, f"{node_name} {os.getpid()}", ex=LIFETIME_SECONDS)
        time.sleep(INTERVAL_SECONDS)


def _touch(file: Path) -> None:
    try:
        file.touch()
    except OSError as error:
        _log.warning("heartbeat_failed", reason=str(error))
