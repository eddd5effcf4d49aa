"""Stand-ins for what schedules work with: their store, the submitter, the turn."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from redis import ConnectionError as RedisConnectionError

from project.errors import GoneError, NotFoundError, OccupiedError, UnavailableError
from project.ledger import Job, Status
from project.observability.context import Trace
from project.scheduler.schedules.schedule import Schedule
from project.submission.preparation import Submission, list_ids
from tests.builders import a_job


@dataclass
class Shelf:
    """Stands in for the schedules in Redis."""

    kept: dict[str, Schedule] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    is_away: bool = False
    signs_of_life: int = 0
    on_change: Callable[[], None] = lambda: None

    def get(self, schedule_id: str) -> Schedule:
        if schedule_id not in self.kept:
            raise NotFoundError("gone")
        return self.kept[schedule_id]

    def list_due(self, now: datetime) -> list[Schedule]:
        due = [one for one in self.kept.values() if one.next_at <= now and not one.is_paused]
        return sorted(due, key=lambda one: one.next_at)

    def list_all(self) -> list[Schedule]:
        return list(self.kept.values())

    def find_next(self) -> datetime | None:
        return min((one.next_at for one in self.kept.values()), default=None)

    def hold_files(self, schedule: Schedule) -> None:
        """Nobody sweeps here."""

    def add(self, schedule: Schedule) -> Schedule:
        if schedule.id in self.kept:
            raise OccupiedError("taken")
        self.kept[schedule.id] = schedule
        return schedule

    def change(self, schedule_id: str, change: Callable[[Schedule], Schedule]) -> Schedule:
        self.on_change()
        self.kept[schedule_id] = change(self.get(schedule_id))
        return self.kept[schedule_id]

    def remove(self, schedule_id: str) -> None:
        del self.kept[schedule_id]

    def was_made(self, schedule_id: str) -> bool:
        return schedule_id in self.made

    def note_made(self, schedule_id: str) -> None:
        self.made.add(schedule_id)

    def note_alive(self) -> None:
        if self.is_away:
            raise RedisConnectionError("away")
        self.signs_of_life += 1


@dataclass
class Desk:
    """Stands in for submitter, publisher and ledger: a key's job is made once."""

    jobs: dict[str, Job] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)
    """What the next submits raise."""
    is_away: bool = False
    """Whether the broker takes no message."""
    probes: int = 0
    taken: list[str] = field(default_factory=list)
    """The keys of the jobs that were made, in their order."""

    @property
    def publisher(self) -> "Desk":
        return self

    def check(self, _queues: object, seconds: float) -> None:
        assert seconds > 0
        self.probes += 1
        if self.is_away:
            raise UnavailableError("RabbitMQ")

    def submit(self, submission: Submission, trace: Trace) -> Job:
        if self.failures:
            raise self.failures.pop(0)
        if self.is_away:
            raise UnavailableError("RabbitMQ")
        job_id = next(list_ids(submission))
        if job_id not in self.jobs:
            self.jobs[job_id] = a_job(id=job_id, status=Status.QUEUED, trace_id=trace.trace_id)
            self.taken.append(submission.idempotency_key)
        return self.jobs[job_id]

    def get(self, job_id: str) -> Job:
        if job_id in self.gone:
            raise GoneError("forgotten")
        if job_id not in self.jobs:
            raise NotFoundError("none")
        return self.jobs[job_id]

    def find(self, job_id: str) -> Job | None:
        return self.jobs.get(job_id)

    def end_all(self) -> None:
        for job_id, job in self.jobs.items():
            self.jobs[job_id] = replace(job, status=Status.SUCCEEDED)


@dataclass
class Part:
    """Stands in for the turn."""

    is_mine: bool = True
    is_released: bool = False

    def acquire(self) -> bool:
        return self.is_mine

    def release(self) -> None:
        self.is_released = True
