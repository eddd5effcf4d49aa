"""A client of any Celery application with a no-op task."""

from typing import Any


class CeleryClient:
    """Submits with `delay`, awaits with `AsyncResult.get`."""

    def __init__(self, noop: Any) -> None:
        self._noop = noop

    def submit(self, number: int) -> Any:
        """The job's AsyncResult."""
        return self._noop.delay(number)

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, and await its result."""
        return self._noop.delay(number).get(timeout=timeout_seconds)
