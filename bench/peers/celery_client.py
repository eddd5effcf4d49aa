"""A client of any Celery application with a no-op task."""

from collections.abc import Mapping
from typing import Any


class CeleryClient:
    """Submits with `delay`, awaits with `AsyncResult.get`."""

    def __init__(self, noop: Any, tasks: Mapping[str, Any] | None = None) -> None:
        self._noop = noop
        self._tasks = tasks or {}

    def submit(self, number: int) -> Any:
        """Submit a job and return its AsyncResult."""
        return self._noop.delay(number)

    def submit_work(self, name: str, value: Any) -> Any:
        """Submit a job with work and return its AsyncResult."""
        return self._tasks[name].delay(value)

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, and await its result."""
        return self._noop.delay(number).get(timeout=timeout_seconds)
