"""A worker's sign of life: a Redis key that expires when the worker stops writing it."""

import os
import socket
import threading
import time
from contextlib import suppress

from redis import Redis, RedisError

from project.config import Settings
from project.redis_client import connect_impatient

INTERVAL_SECONDS = 5
LIFETIME_SECONDS = 20


def heartbeat_key(role: str, host: str) -> str:
    """The key of that role's worker on that host."""
    return f"worker:{role}:{host}"


def start_heartbeat(settings: Settings, node_name: str) -> None:
    """Write the sign of life from a thread, now and every few seconds, until the process ends."""
    redis = connect_impatient(settings.redis_url)
    key = heartbeat_key(settings.role, socket.gethostname())
    thread = threading.Thread(target=_beat, args=(redis, key, node_name), daemon=True)
    thread.start()


def _beat(redis: "Redis", key: str, node_name: str) -> None:
    while True:
        # Without Redis there is nobody to tell; the next beat tells again.
        with suppress(RedisError):
            redis.set(key, f"{node_name} {os.getpid()}", ex=LIFETIME_SECONDS)
        time.sleep(INTERVAL_SECONDS)
