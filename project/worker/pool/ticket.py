"""One job on its way through the pool."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, eq=False, weakref_slot=True)
class Ticket:
    """What a child is to do, and who is told what becomes of it."""

    number: int
    work: tuple[Any, ...]
    """The function (None: to run a message), its arguments and keywords; pickled for the child."""
    on_accepted: Callable[[int, float], None]
    """`(pid, monotonic time)`: a child begins with it."""
    on_success: Callable[[Any], None]
    """The function has returned."""
    on_failure: Callable[[Any], None]
    """`(ExceptionInfo)`: it has raised, or its process has ended."""
    on_timeout: Callable[[bool, float], None]
    """`(soft, limit in seconds)`."""
    is_revoked: Callable[[], bool]
    """Asked before a child gets it; one that is revoked has been dealt with."""
    soft_limit_seconds: float | None = None
    hard_limit_seconds: float | None = None
    started_at: float = 0.0
    """Reading of `monotonic` when a child began with it; 0: it waits."""
    is_interrupted: bool = False
    """Its soft limit has been told to the child."""
    signal: int = field(default=0)
    """With which its process was told to end, because of this very job."""

    def terminate(self, signal: int) -> None:
        """Celery calls it, beside the pool's `terminate_job`, to say which job was meant."""
        self.signal = signal
