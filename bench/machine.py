"""Describes the machine that was measured on, and its versions."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.environments import LISTS, list_versions
from bench.stack import Stack

SHOWN = ("celery", "dramatiq", "rq", "huey", "taskiq", "taskiq-aio-pika", "flask", "gunicorn")
OURS_SHOWN = ("celery", "kombu", "amqp", "redis", "flask", "gunicorn", "gevent", "orjson")


def describe_machine(stack: Stack) -> dict[str, Any]:
    """Return plain values for the report's head."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "rabbitmq": stack.rabbitmq_version(),
        "redis": stack.redis.info("server")["redis_version"],
        "ours": {name: version(name) for name in OURS_SHOWN},
        "environments": {path.stem: _shown(path.stem) for path in sorted(LISTS.glob("*.txt"))},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _shown(environment: str) -> dict[str, str]:
    versions = list_versions(environment)
    return {name: versions[name] for name in SHOWN if name in versions}
