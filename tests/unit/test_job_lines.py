"""Every line about a job names its trace, also where no request and no attempt is under way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from project.config import Settings
from project.errors import TransitionError
from project.ledger import Job, Status
from project.observability.binding import read_bound
from project.observability.context import Trace, attempt_span_id, submit_span_id
from project.observability.spans import NO_SPANS
from project.scheduler.reconciler.dead_letter_consumer import DeadLetterConsumer
from project.scheduler.reconciler.dead_letter_policy import DeadMessage
from project.scheduler.reconciler.repairs import Repairs
from project.submission.confirm_recovery import ConfirmRecovery
from project.worker.attempt_logging import log_end
from tests.builders import NOON, a_job
from tests.unit.supervision import FakeLedger, FakeProcess, supervisor_of
from tests.waiting import wait_until

QUEUES = Settings().job_queues

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
JOB = a_job(trace_id=TRACE_ID, status=Status.QUEUED)
RUNNING = replace(JOB, status=Status.RUNNING, attempt=2, worker="short@host")


@contextmanager
def told() -> Iterator[list[Any]]:
    """The lines that are written meanwhile, with the ids that are bound."""
    with capture_logs(processors=[lambda *given: {**read_bound(), **given[-1]}]) as lines:
        yield lines


@dataclass
class Anything:
    """Stands in for ledger, publisher and dead letters: knows one job, or none."""

    job: Job | None = None
    published: list[Any] = field(default_factory=list)
    died: list[Job] = field(default_factory=list)
    boots: list[str] = field(default_factory=lambda: ["first"])

    def find(self, _job_id: str) -> Job | None:
        return self.job

    def depths(self, queues: list[str], _seconds: float) -> dict[str, tuple[int, int]]:
        return dict.fromkeys(queues, (1, 1))

    def read_time(self) -> datetime:
        return datetime.now(UTC)

    def list_waiting(self, *_: Any) -> list[Job]:
        return []

    def find_lease_ends(self, ids: list[str]) -> list[Any]:
        return [None for _ in ids]

    def publish(self, messages: list[Any], _seconds: float) -> list[None]:
        self.published += messages
        return [None for _ in messages]

    def note_requeue(self, _job: Job) -> None:
        raise TransitionError("it has moved on")

    def note_repair(self, _job: Job) -> None:
        pass

    def add(self, _letter: Any) -> None:
        pass

    @property
    def admissions(self) -> "Anything":
        return self

    def mark_dead(self, _job_id: str, _error: Any, described: Job) -> None:
        self.died.append(described)

    def list_jobs(self, *_: Any) -> Any:
        return SimpleNamespace(jobs=[self.job], next_cursor="")

    def withdraw(self, _job: Job, **_: Any) -> None:
        pass

    def remove_orphans(self, _cursor: int) -> tuple[int, list[str]]:
        return 0, [JOB.id]

    def read_boot(self) -> str:
        return self.boots.pop() if len(self.boots) > 1 else self.boots[0]

    def confirm_again(self, _job_id: str) -> None:
        pass


def take_in(stage: Anything, headers: dict[str, Any], **changes: Any) -> None:
    message = DeadMessage(
        **{
            "headers": {"id": JOB.id, "task": "create_task", **headers},
            "body": b'[[], {"type": 1}, {}]',
            "content_type": "application/json",
            "queue": "short",
            "cause": "rejected",
            **changes,
        }
    )
    DeadLetterConsumer(stage, stage, stage, QUEUES)._take(message)  # type: ignore[arg-type]


@pytest.mark.parametrize("job", [JOB, None])
def test_dead_letter_is_of_its_jobs_trace(job: Job | None) -> None:
    headers = Trace.of_job(JOB.id, TRACE_ID).message_headers

    with told() as lines:
        take_in(Anything(job), headers, cause="expired")

    (line,) = lines
    assert (line["event"], line["job_id"]) == ("dead_letter_taken", JOB.id)
    assert (line["trace_id"], line["parent_id"]) == (TRACE_ID, submit_span_id(JOB.id))


def test_message_that_goes_back_to_its_queue_keeps_its_trace() -> None:
    stage, headers = Anything(JOB), Trace.of_job(JOB.id, TRACE_ID).message_headers

    with told() as lines:
        take_in(stage, headers)

    (line,) = lines
    assert (line["event"], line["trace_id"]) == ("message_requeued", TRACE_ID)
    assert stage.published[0].headers["traceparent"] == headers["traceparent"]


def test_dead_letter_without_a_record_tells_its_parents() -> None:
    stage = Anything()

    take_in(stage, {"parent_id": "parent", "root_id": "root"}, content_type="text/plain")

    (described,) = stage.died
    assert (described.parent_id, described.root_id) == ("parent", "root")
    assert described.trace_id == JOB.id.replace("-", "")


def test_message_that_is_published_again_keeps_trace_and_parent() -> None:
    stage = Anything(replace(RUNNING, started_at=datetime.now(UTC) - timedelta(hours=1)))

    with told() as lines:
        Repairs(stage, stage, QUEUES).republish_lost()  # type: ignore[arg-type]

    (line,) = lines
    assert (line["event"], line["trace_id"]) == ("job_republished", TRACE_ID)
    assert stage.published[0].headers["traceparent"] == Trace.of_job(JOB.id, TRACE_ID).traceparent


def test_job_that_was_never_confirmed_is_told_in_its_trace() -> None:
    stage = Anything(JOB)

    with told() as lines:
        Repairs(stage, stage, QUEUES).withdraw_undecided()  # type: ignore[arg-type]

    (line,) = lines
    assert (line["event"], line["trace_id"]) == ("job_withdrawn", TRACE_ID)


def test_result_without_a_record_has_the_trace_of_its_id() -> None:
    stage = Anything()

    with told() as lines:
        Repairs(stage, stage, QUEUES).remove_orphans(0)  # type: ignore[arg-type]

    assert lines[0]["trace_id"] == JOB.id.replace("-", "")


def test_supervisors_line_is_of_the_attempt() -> None:
    process = FakeProcess(RUNNING)
    supervisor = supervisor_of(process, FakeLedger(is_away=True))

    with told() as lines:
        supervisor.look()

    assert lines[0]["event"] == "lease_not_renewed"
    assert lines[0]["trace_id"] == TRACE_ID
    assert lines[0]["transaction_id"] == attempt_span_id(JOB.id, 2)


def test_lines_after_an_outage_of_redis_are_of_the_jobs_traces() -> None:
    stage = Anything(boots=["second", "first"])
    aftermath = ConfirmRecovery(stage, pause_seconds=0.01)  # type: ignore[arg-type]

    with told() as lines:
        aftermath.remember([JOB])
        wait_until(lambda: lines, 5)
        aftermath.doubt([JOB], "me")
        wait_until(lambda: len(lines) == 2, 5)

    assert {line["event"] for line in lines} == {"job_confirmed_again", "job_withdrawn"}
    assert {line["trace_id"] for line in lines} == {TRACE_ID}


def test_outcome_that_the_workers_first_process_tells_is_of_the_attempt() -> None:
    finished = replace(RUNNING, status=Status.FAILED, started_at=NOON, parent_id="p", root_id="r")

    with told() as lines:
        log_end(finished, Trace.of_job(JOB.id, TRACE_ID), NO_SPANS)

    (line,) = lines
    assert (line["event"], line["trace_id"]) == ("job_finished", TRACE_ID)
    assert line["transaction_id"] == attempt_span_id(JOB.id, 2)
    assert (line["parent_job_id"], line["root_job_id"]) == ("p", "r")
