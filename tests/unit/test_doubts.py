"""Jobs of which nobody knows whether they were taken: they are withdrawn, however long it takes."""

from dataclasses import dataclass, field

from redis import ConnectionError as RedisConnectionError

from project.errors import TransitionError
from project.ledger import Job
from project.submission.doubts import Doubts
from tests.builders import a_job
from tests.waiting import wait_until


@dataclass
class Book:
    """Stands in for the ledger, on a Redis that is away for some calls."""

    away: int = 0
    begun: set[str] = field(default_factory=set)
    asked: int = 0
    withdrawn: list[str] = field(default_factory=list)

    def withdraw(self, job: Job, *, is_in_doubt: bool) -> None:
        assert is_in_doubt
        self.asked += 1
        if self.asked <= self.away:
            raise RedisConnectionError
        if job.id in self.begun:
            raise TransitionError("running")
        self.withdrawn.append(job.id)


def doubts_of(book: Book) -> Doubts:
    return Doubts(book, pause_seconds=0.01)  # type: ignore[arg-type]


def test_job_is_withdrawn_when_redis_is_back() -> None:
    book, job = Book(away=5), a_job()

    doubts_of(book).add([job])

    wait_until(lambda: book.withdrawn == [job.id], 5)
    assert book.asked == 6


def test_all_jobs_are_withdrawn_in_their_order_and_later_ones_too() -> None:
    book, jobs = Book(away=2), [a_job() for _ in range(4)]
    doubts = doubts_of(book)
    doubts.add(jobs[:3])
    wait_until(lambda: len(book.withdrawn) == 3, 5)

    doubts.add(jobs[3:])

    wait_until(lambda: book.withdrawn == [job.id for job in jobs], 5)


def test_job_that_was_taken_after_all_holds_up_no_other() -> None:
    jobs = [a_job(), a_job()]
    book = Book(begun={jobs[0].id})

    doubts_of(book).add(jobs)

    wait_until(lambda: book.withdrawn == [jobs[1].id], 5)
