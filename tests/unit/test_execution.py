"""What happens to one job inside a worker, without a worker."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from kombu.exceptions import OperationalError
from redis import RedisError, ResponseError
from structlog.contextvars import bind_contextvars

from project.errors import (
    CancelledError,
    ExhaustedError,
    LeasedError,
    TemporaryError,
    TransitionError,
    UndecidedError,
)
from project.kinds.definition import Context
from project.ledger import Job, Progress, Status
from project.ledger.attempts import LeaseState
from project.ledger.file_holders import FileHolders
from project.observability.binding import read_bound
from project.observability.context import Trace
from project.submission.preparation import Submission
from project.worker.app import route
from project.worker.execution import Equipment, execute
from project.worker.lease import Leases
from project.worker.recorder import Recorder
from project.worker.reservation import Reservation
from tests.builders import NOON, a_job
from tests.unit.test_kinds import Parameters, define


@dataclass
class Book:
    """Stands in for the ledger: lets every job run, unless it is told not to."""

    refuses: bool = False
    error: Exception | None = None
    leased: str = ""
    is_cancelled: bool = False
    is_cancelled_before: bool = False
    undecided_seconds: list[float] = field(default_factory=list)
    finished: list[Status] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    claimed: list[Job] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)

    @property
    def attempts(self) -> "Book":
        return self

    @property
    def admissions(self) -> "Book":
        return self

    def claim(self, job: Job, worker: str, _holder: str, **_: Any) -> Job:
        if self.error:
            raise self.error
        if self.undecided_seconds:
            raise UndecidedError(job.id, self.undecided_seconds.pop(0))
        if self.leased:
            raise LeasedError(job.id, self.leased)
        if self.refuses:
            raise TransitionError(f"Job {job.id} is cancelled.")
        self.claimed.append(job)
        return replace(
            job,
            status=Status.RUNNING,
            attempt=2,
            worker=worker,
            started_at=NOON,
            cancel_requested_at=NOON if self.is_cancelled_before else None,
        )

    def report_progress(self, job: Job, progress: Progress) -> Job:
        self.progress.append(progress)
        return replace(job, cancel_requested_at=NOON if self.is_cancelled else None)

    def stop(self, _job: Job) -> None:
        self.finished.append(Status.CANCELLED)

    def requeue(self, job_id: str, **_: Any) -> None:
        self.returned.append(job_id)

    def mark_dead(self, _job_id: str, _error: Any) -> None:
        self.finished.append(Status.DEAD)

    def withdraw(self, _job: Job) -> None:
        self.finished.append(Status.CANCELLED)


class NoLog:
    """Stands in for the jobs' logs: nobody reads them here."""

    def append(self, *_: Any) -> None:
        """Forget the lines."""


def equipment_with(book: Book, submitter: Any = None) -> Equipment:
    return Equipment(
        ledger=book,  # type: ignore[arg-type]
        quick_ledger=book,  # type: ignore[arg-type]
        leases=Leases(),
        recorder=Recorder(NoLog(), 10),  # type: ignore[arg-type]
        submitter=submitter,  # type: ignore[arg-type]
        redis=None,  # type: ignore[arg-type]
        file_holders=FileHolders(None),  # type: ignore[arg-type]
        files=None,  # type: ignore[arg-type]
        mail=SimpleNamespace(send=None),  # type: ignore[arg-type]
    )


def a_delivery(**headers: Any) -> Any:
    """A task that was delivered with these headers."""
    values: dict[str, Any] = {
        "called_directly": False,
        "is_eager": False,
        "id": "j1",
        "hostname": "short@host",
        "retries": 0,
        "parent_id": None,
        "root_id": "j1",
        "delivery_info": {"routing_key": "short"},
    }
    return SimpleNamespace(request=SimpleNamespace(**values | headers))


def run(book: Book, task: Any, function: Any = None, submitter: Any = None, **kwargs: Any) -> Any:
    kind = define(function) if function else define()
    return execute(kind, task, equipment_with(book, submitter), (), {"size": 1, **kwargs})


def test_message_alone_describes_the_job() -> None:
    book = Book()
    trace_id = "a" * 32
    task = a_delivery(
        traceparent=f"00-{trace_id}-{'b' * 16}-01",
        owner="o" * 22,
        submitted_at="2026-05-04T12:00:00.123456Z",
    )

    run(book, task, colour="blue")

    (job,) = book.claimed
    assert (job.id, job.kind, job.queue) == ("j1", "picture.resize", "short")
    assert job.parameters == {"size": 1, "colour": "blue"}
    assert (job.owner, job.trace_id) == ("o" * 22, trace_id)
    assert job.submitted_at.isoformat() == "2026-05-04T12:00:00.123456+00:00"


def test_message_of_another_publisher_is_described_as_far_as_it_goes() -> None:
    book = Book()

    run(book, a_delivery())

    (job,) = book.claimed
    assert (job.owner, job.status) == ("", Status.QUEUED)
    assert job.submitted_at.tzinfo
    assert job.trace_id


def test_delayed_message_is_of_the_queue_behind_the_delay() -> None:
    book = Book()

    run(book, a_delivery(delivery_info={"routing_key": "0.0.0.1.0.1.long"}))

    assert book.claimed[0].queue == "long"


def test_job_that_may_not_run_is_dropped() -> None:
    def never(_parameters: Parameters, _context: Context) -> None:
        raise AssertionError("it ran")

    with pytest.raises(Ignore):
        run(Book(refuses=True), a_delivery(), never)


def test_job_is_told_its_attempt() -> None:
    assert run(Book(), a_delivery()) == "1 red 2"


def test_often_reported_progress_is_written_now_and_then() -> None:
    book = Book()

    def work(_parameters: Parameters, context: Context) -> None:
        for number in range(1000):
            context.report_progress(number, 1000)

    run(book, a_delivery(), work)

    assert book.progress[0] == Progress(0, 1000)
    assert len(book.progress) < 100


def test_cancelled_job_stops_at_its_next_report() -> None:
    book = Book(is_cancelled=True)

    def work(_parameters: Parameters, context: Context) -> None:
        context.report_progress(0, 2)
        raise AssertionError("it went on")

    with pytest.raises(Ignore):
        run(book, a_delivery(), work)
    assert book.finished == [Status.CANCELLED]


def test_job_that_fails_for_a_while_is_not_retried_once_cancelled() -> None:
    book = Book(is_cancelled=True)

    def work(_parameters: Parameters, context: Context) -> None:
        with suppress(CancelledError):
            context.report_progress(0, 2)
        raise TemporaryError("no answer")

    with pytest.raises(Ignore):
        run(book, a_delivery(), work)
    assert book.finished == [Status.CANCELLED]


def test_own_time_limit_is_a_failure_and_no_cancel() -> None:
    book = Book()

    def work(_parameters: Parameters, _context: Context) -> None:
        raise SoftTimeLimitExceeded

    with pytest.raises(SoftTimeLimitExceeded):
        run(book, a_delivery(), work)
    assert book.finished == []


def test_ids_of_the_last_job_are_not_on_the_lines_of_this_one() -> None:
    run(Book(), a_delivery(id="first"))
    bind_contextvars(left_over="x")

    run(Book(), a_delivery(id="second"))

    bound = read_bound()
    assert bound["job_id"] == "second"
    assert "left_over" not in bound


@pytest.mark.parametrize(
    ("args", "kwargs", "queue"),
    [([1], {}, "short"), ([2], {}, "long"), ([], {"type": 3}, "long"), (None, None, None)],
)
def test_message_of_another_publisher_goes_to_the_kinds_queue(
    args: Any, kwargs: Any, queue: str | None
) -> None:
    """None: to Celery's default queue, whose worker says what is wrong with the parameters."""
    assert route("create_task", args, kwargs, {}).get("queue") == queue


def test_unknown_task_has_no_route_of_ours() -> None:
    assert "queue" not in route("celery.ping", [], {}, {})


@pytest.mark.parametrize("name", ["create_task", "celery.ping"])
def test_worker_waits_for_a_confirm_and_not_for_ever(name: str) -> None:
    """A broker confirms a message that no queue takes, unless it is mandatory."""
    options = route(name, [1], {}, {})

    assert options["mandatory"] is True
    assert options["confirm_timeout"] > 0


def test_scheduled_sweep_goes_to_the_long_queue() -> None:
    assert route("files.sweep", [], {}, {})["queue"] == "long"


class _OfflineCopy:
    """A copy of a message, which cannot be published."""

    def apply_async(self) -> None:
        raise OperationalError("the broker is away")


def test_copy_of_a_running_job_that_cannot_be_put_back_goes_back_to_its_queue() -> None:
    """To fail here would be recorded as the outcome of the attempt that still runs."""
    task = a_delivery()
    task.signature_from_request = lambda *_args, **_options: _OfflineCopy()
    book = Book(leased="elsewhere:1:1")

    with pytest.raises(Reject) as caught:
        run(book, task)

    assert caught.value.requeue


def test_job_that_could_not_be_claimed_goes_back_to_its_queue() -> None:
    """It has no outcome yet: recorded as a failure of no attempt, it would be lost."""
    with pytest.raises(Reject) as caught:
        run(Book(error=ResponseError("NOPERM")), a_delivery())

    assert caught.value.requeue


def test_job_waits_until_its_client_is_told_that_it_runs() -> None:
    book = Book(undecided_seconds=[1.0, 1.0])

    run(book, a_delivery())

    assert len(book.claimed) == 1


def test_job_whose_client_was_not_told_in_time_does_not_run() -> None:
    book = Book(undecided_seconds=[1.0, -0.001])

    with pytest.raises(Ignore):
        run(book, a_delivery())

    assert book.claimed == []
    assert book.finished == [Status.CANCELLED]


def test_job_that_took_too_many_processes_with_it_is_dead() -> None:
    book = Book(error=ExhaustedError("j1", 5))

    with pytest.raises(Reject) as caught:
        run(book, a_delivery())

    assert not caught.value.requeue
    assert book.finished == [Status.DEAD]


def test_second_copy_of_a_running_job_that_was_only_to_be_safe_is_dropped() -> None:
    with pytest.raises(Ignore):
        run(Book(leased="elsewhere:1:1"), a_delivery(repair=1))


def test_attempt_whose_lease_was_lost_leaves_its_message_to_the_next() -> None:
    """Maybe only Redis was away: an acknowledged message would be a lost job."""
    book = Book()

    def work(_parameters: Parameters, context: Context) -> None:
        context.check.__self__.ask_to_stop(LeaseState.LOST)  # type: ignore[attr-defined]
        context.check()

    with pytest.raises(Reject) as caught:
        run(book, a_delivery(), work)

    assert caught.value.requeue
    assert book.finished == []


def test_retry_that_the_broker_does_not_take_leaves_the_job_in_its_queue() -> None:
    """Celery would give it up."""
    book, task = Book(), a_delivery()

    def refuse(**_: Any) -> None:
        raise Reject("the broker is away", requeue=False)

    task.retry = refuse

    def work(_parameters: Parameters, _context: Context) -> None:
        raise TemporaryError("no answer")

    with pytest.raises(Reject) as caught:
        run(book, task, work)

    assert caught.value.requeue
    assert book.returned == ["j1"]


@pytest.mark.parametrize("error", [TemporaryError("no answer"), RedisError("it is full")])
def test_job_that_fails_for_a_reason_that_passes_gets_another_attempt(error: Exception) -> None:
    """Redis's own too: what a job remembers, or waits for, is kept there."""
    task = a_delivery()
    retried: list[Exception] = []

    def retry(*, exc: Exception, **_: Any) -> None:
        retried.append(exc)
        raise Retry("in two seconds", exc)

    task.retry = retry

    def work(_parameters: Parameters, _context: Context) -> None:
        raise error

    with pytest.raises(Retry):
        run(Book(), task, work)
    assert retried == [error]


@dataclass
class Counter:
    """Stands in for the submitter: hands out the jobs that it was asked for."""

    asked: list[Submission] = field(default_factory=list)

    @property
    def ledger(self) -> Any:
        return SimpleNamespace(tree=SimpleNamespace(find_latest=lambda job: job))

    def submit_many(self, submissions: list[Submission], _trace: Any) -> list[Job]:
        self.asked += submissions
        return [a_job() for _ in submissions]


def test_child_of_another_attempt_is_the_same_child() -> None:
    def work(_parameters: Parameters, context: Context) -> None:
        context.submit("create_task", {"type": 1})
        context.submit("create_task", {"type": 1})
        context.submit("create_task", {"type": 1}, key="named")

    first, second = Counter(), Counter()
    run(Book(), a_delivery(), work, first)
    run(Book(), a_delivery(), work, second)

    keys = [submission.idempotency_key for submission in first.asked]
    assert len(set(keys)) == 3
    assert [submission.idempotency_key for submission in second.asked] == keys
    assert all(submission.parent and submission.parent.id == "j1" for submission in first.asked)


def test_job_can_tell_how_long_it_may_still_run() -> None:
    def work(_parameters: Parameters, context: Context) -> float:
        return context.remaining_seconds()

    assert 0 < run(Book(), a_delivery(), work) <= 60


def test_job_that_was_cancelled_before_it_was_put_back_does_not_run_again() -> None:
    book = Book(is_cancelled_before=True)

    def never(_parameters: Parameters, _context: Context) -> None:
        raise AssertionError("it ran")

    with pytest.raises(Ignore):
        run(book, a_delivery(), never)
    assert book.finished == [Status.CANCELLED]


def test_all_attempts_have_the_submit_as_their_parent_and_their_children_them() -> None:
    submitted = Trace.start(request_id="order-7").submit("j1")
    bound: list[Any] = []
    traces: list[Trace] = []

    class Traces(Counter):
        def submit_many(self, submissions: list[Submission], trace: Any) -> list[Job]:
            traces.append(trace)
            return super().submit_many(submissions, trace)

    def work(_parameters: Parameters, context: Context) -> Any:
        context.submit("create_task", {"type": 1})
        bound.append(read_bound())
        return context.trace_headers

    told = run(Book(), a_delivery(**submitted.message_headers), work, Traces())

    attempt = submitted.attempt("j1", 2)
    assert traces == [replace(attempt, parent_id=submitted.span_id)]
    assert bound[0]["trace_id"] == submitted.trace_id
    assert bound[0]["parent_id"] == submitted.span_id
    assert bound[0]["transaction_id"] == attempt.span_id
    assert bound[0]["request_id"] == "order-7"
    assert told == attempt.http_headers


def test_delivery_that_becomes_no_attempt_is_no_transaction() -> None:
    with pytest.raises(Ignore):
        run(Book(refuses=True), a_delivery())

    bound = read_bound()
    assert bound["trace_id"]
    assert "transaction_id" not in bound


def test_retry_of_a_job_without_a_parent_makes_it_none_of_its_own() -> None:
    """So Celery says."""
    book = Book()

    run(book, a_delivery(parent_id="j1"))

    assert (book.claimed[0].parent_id, book.claimed[0].root_id) == ("", "")


def run_reserved(book: Book, function: Any = None) -> Reservation:
    """Run a job that was reserved together with others."""
    reservation = Reservation("j1", "here:1:1#1")
    with suppress(Ignore, Retry, TemporaryError, ValueError):
        run(book, a_delivery(reservation=reservation), function)
    return reservation


def test_reserved_job_that_returns_is_never_claimed() -> None:
    book = Book()

    reservation = run_reserved(book)

    assert (book.claimed, reservation.unclaimed_holder) == ([], "here:1:1#1")


def test_reserved_job_is_claimed_before_its_progress_is_shown() -> None:
    book = Book()

    def function(_parameters: Parameters, context: Context) -> None:
        context.report_progress(1, 2)
        assert len(book.claimed) == 1
        context.report_progress(2, 2)

    reservation = run_reserved(book, function)

    assert reservation.is_claimed
    assert len(book.claimed) == 1
    assert book.claimed[0].started_at is not None
    assert book.progress


def test_reserved_job_that_fails_is_claimed_for_that() -> None:
    book = Book()

    def function(_parameters: Parameters, _context: Context) -> None:
        raise ValueError("no")

    assert run_reserved(book, function).is_claimed


def test_reserved_job_that_was_cancelled_meanwhile_is_dropped_at_its_claim() -> None:
    book = Book(refuses=True)

    def function(_parameters: Parameters, context: Context) -> None:
        context.submit("create_task", {})

    reservation = Reservation("j1", "here:1:1#1")
    with pytest.raises(Ignore):
        run(book, a_delivery(reservation=reservation), function)
    assert not reservation.is_claimed
