"""A client of any Celery application with a no-op task."""

from collections.abc import Mapping
from typing import Any


class CeleryClient:
    """Submits with `delay`, awaits with `AsyncResult.get`."""

    def __init__(self, noop: Any, tasks: Mapping[str, Any] | None = None) -> None:
        self._noop = noop
        self._tasks = tasks or {}

    def submit(self, number: int) -> Any:
        """The job's AsyncResult."""
        return self._noop.delay(number)

    def submit_work(self, name: str, value: Any) -> Any:
        """The job's AsyncResult."""
        return self._tasks[name].delay(value)

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, and await its result."""
        return self._noop.delay(number).get(timeout=timeout_seconds)
