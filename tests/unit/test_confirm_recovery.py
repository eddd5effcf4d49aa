"""Redis ends, and what clients were told stays true."""

from dataclasses import dataclass, field

from redis import ConnectionError as RedisConnectionError

from project.errors import TransitionError
from project.ledger import Job
from project.submission.confirm_recovery import ConfirmRecovery
from tests.builders import a_job
from tests.waiting import wait_until


@dataclass
class Book:
    """Stands in for the ledger, on a Redis that may be away, or start anew."""

    boot: str = "first"
    is_away: bool = False
    begun: set[str] = field(default_factory=set)
    looks: int = 0
    withdrawn: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)

    @property
    def admissions(self) -> "Book":
        return self

    def read_boot(self) -> str:
        self.looks += 1
        if self.is_away:
            raise RedisConnectionError
        return self.boot

    def withdraw(self, job: Job, *, in_doubt_by: str) -> None:
        assert in_doubt_by == "me"
        self._move(job.id, self.withdrawn)

    def confirm_again(self, job_id: str) -> None:
        self._move(job_id, self.confirmed)

    def _move(self, job_id: str, moved: list[str]) -> None:
        if job_id in self.begun:
            raise TransitionError("running")
        moved.append(job_id)

    def await_looks(self, count: int) -> None:
        goal = self.looks + count
        wait_until(lambda: self.looks >= goal, 5)


def aftermath_of(book: Book, keep_seconds: float = 60) -> ConfirmRecovery:
    return ConfirmRecovery(book, pause_seconds=0.01, keep_seconds=keep_seconds)  # type: ignore[arg-type]


def test_job_in_doubt_is_withdrawn_when_redis_is_back() -> None:
    book, job = Book(is_away=True), a_job()
    aftermath_of(book).doubt([job], "me")
    book.await_looks(3)
    assert book.withdrawn == []

    book.is_away = False

    wait_until(lambda: book.withdrawn == [job.id], 5)


def test_jobs_in_doubt_are_withdrawn_in_their_order_and_later_ones_too() -> None:
    book, jobs = Book(), [a_job() for _ in range(4)]
    recovery = aftermath_of(book)
    recovery.doubt(jobs[:3], "me")
    wait_until(lambda: len(book.withdrawn) == 3, 5)

    recovery.doubt(jobs[3:], "me")

    wait_until(lambda: book.withdrawn == [job.id for job in jobs], 5)


def test_job_that_was_taken_after_all_holds_up_no_other() -> None:
    jobs = [a_job(), a_job()]
    book = Book(begun={jobs[0].id})

    aftermath_of(book).doubt(jobs, "me")

    wait_until(lambda: book.withdrawn == [jobs[1].id], 5)


def test_confirms_that_redis_may_have_lost_are_noted_again_when_it_has_started_anew() -> None:
    book, jobs = Book(), [a_job() for _ in range(3)]
    book.begun = {jobs[1].id}
    aftermath_of(book).remember(jobs)
    book.await_looks(2)
    assert book.confirmed == []

    book.is_away = True
    book.await_looks(2)
    book.boot, book.is_away = "second", False

    wait_until(lambda: book.confirmed == [jobs[0].id, jobs[2].id], 5)


def test_confirm_that_is_safe_on_disk_is_forgotten_and_nobody_looks_any_more() -> None:
    book = Book()
    recovery = aftermath_of(book, keep_seconds=0)
    recovery.remember([a_job()])
    wait_until(lambda: recovery.is_idle, 5)

    book.boot = "second"
    recovery.remember([a_job()])
    wait_until(lambda: recovery.is_idle, 5)

    assert book.confirmed == []
