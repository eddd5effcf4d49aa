"""What a supervisor looks after, with stand-ins for processes, ledger and Celery's request."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from redis import ConnectionError as RedisConnectionError
from redis import RedisError

from project.ledger import Job
from project.ledger.attempts import Leased, LeaseState
from project.worker.engine.slot import Slot
from project.worker.engine.supervisor import Supervisor
from project.worker.lease import Patience
from tests.unit.test_slot import a_delivery

NEVER = 3600.0


class FakeProcess:
    """Its slot is real; signals are noted."""

    def __init__(self, job: Job | None = None, *, soft: float = 0, hard: float = 0) -> None:
        self.slot = Slot()
        self.is_finished = self.is_leaving = False
        self.signals: list[int] = []
        self.halts = 0
        self.on_halt: Callable[[], None] = lambda: None
        if job is not None:
            self.run(job, soft=soft, hard=hard)

    def run(self, job: Job, *, soft: float = 0, hard: float = 0) -> None:
        """Begin with a job."""
        self.slot.begin(a_delivery(), soft, hard, needs_claim=True)
        self.slot.claim(job)

    def signal(self, number: int) -> None:
        self.signals.append(number)

    @contextmanager
    def halted(self, token: int) -> Iterator[bool]:
        self.on_halt()
        self.halt()
        yield self.slot.running == token
        self.halts -= 1

    def halt(self) -> None:
        self.halts += 1


@dataclass
class FakeLedger:
    """Answers each renewal with `holds`, by the job's id, or with HELD."""

    holds: dict[str, LeaseState | RedisError] = field(default_factory=dict)
    is_away: bool = False
    renewals: list[list[tuple[str, int]]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def renew_each(self, attempts: Sequence[Leased]) -> list[LeaseState | RedisError]:
        self.renewals.append([(leased.id, leased.attempt) for leased in attempts])
        if self.is_away:
            raise RedisConnectionError("away")
        return [self.holds.get(leased.id, LeaseState.HELD) for leased in attempts]

    def stop(self, job: Leased) -> None:
        if self.is_away:
            raise RedisConnectionError("away")
        self.stopped.append(job.id)


@dataclass
class FakeRequest:
    """Celery's request of a job that reaches its limits."""

    ledger: FakeLedger
    limits: list[tuple[bool, float]] = field(default_factory=list)

    def on_timeout(self, is_soft: bool, limit: float) -> None:
        if self.ledger.is_away and not is_soft:
            raise RedisConnectionError("away")
        self.limits.append((is_soft, limit))


def supervisor_of(
    processes: FakeProcess | list[FakeProcess],
    ledger: FakeLedger | None = None,
    request: Any = None,
    *,
    renew_seconds: float = -1,
    **patience: float,
) -> Supervisor:
    """One that renews at each look, and waits for ever with all else."""
    ledger = ledger or FakeLedger()
    found = [processes] if isinstance(processes, FakeProcess) else processes
    times = dict.fromkeys(("interrupt_seconds", "kill_seconds", "fence_seconds"), NEVER)
    return Supervisor(
        SimpleNamespace(equipment=SimpleNamespace(quick_ledger=SimpleNamespace(attempts=ledger))),
        lambda: list(found),  # type: ignore[arg-type]
        lambda _process, _run: request or FakeRequest(ledger),  # type: ignore[arg-type, return-value]
        Patience(**times | patience),
        renew_seconds,
    )
