"""A worker's heartbeat: a file for whatever supervises the process, and a Redis key for everyone.

The file shows that the process is alive, even while RabbitMQ or Redis is unavailable: their outage
is no reason to restart a worker. Reading its age is cheap, unlike `inspect ping`.
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
    """The Redis key of that role's worker on that host."""
    return f"worker:{role}:{host}"


def start_heartbeat(settings: Settings, node_name: str) -> None:
    """Send heartbeats from a thread, now and every few seconds, until the process ends."""
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
        # While Redis is unavailable, skip the key; the next beat writes it again.
        with suppress(RedisError):
            redis.set(key, f"{node_name} {os.getpid()}", ex=LIFETIME_SECONDS)
        time.sleep(INTERVAL_SECONDS)


def _touch(file: Path) -> None:
    try:
        file.touch()
    except OSError as error:
        _log.warning("heartbeat_failed", reason=str(error))
