"""Submitting: record, publish, note the confirm; what the caller is told is what happens."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta, timezone
from itertools import pairwise
from typing import Any, Literal, Self

import pytest
from pydantic import BaseModel
from redis import ConnectionError as RedisConnectionError
from redis import RedisError
from redis.exceptions import ReadOnlyError
from structlog.testing import capture_logs

from project.broker.message import Message
from project.broker.publisher.content import Content
from project.errors import (
    InvalidInputError,
    KeyReusedError,
    NotFoundError,
    QueueFullError,
    TransitionError,
    UnavailableError,
    UnforeseenError,
    UnknownKindError,
)
from project.jobs import KINDS, Context
from project.kinds import definition
from project.ledger import Job, Status
from project.ledger.admissions import Admission, Recorded
from project.ledger.job import WITHDRAWN
from project.observability.context import Trace, submit_span_id
from project.submission import PART_SIZE, Answer, Submitter
from project.submission.committer import UNDER_WAY
from project.submission.preparation import Submission, make_child
from tests.builders import NOON, a_job, a_trace
from tests.waiting import wait_until

NACKED = RuntimeError("the broker did not take it")


@dataclass
class Landed:
    """A flight of which all is known at once."""

    outcomes: list[Exception | None]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is under way."""

    def wait(self, until: float) -> None:
        """There is nothing to wait for."""


@dataclass
class Backstage:
    """Stands in for ledger and publisher: notes the steps, and fails at those it was told to."""

    failures: dict[str, Exception] = field(default_factory=dict)
    unconfirmed: set[int] = field(default_factory=set)
    """Messages that the broker does not confirm, by their place among all."""
    known: dict[str, Job] = field(default_factory=dict)
    """Jobs that the ledger has already, by the deduplication key or the id that finds them."""
    steps: list[str] = field(default_factory=list)
    rules: list[Admission] = field(default_factory=list)
    published: list[Message] = field(default_factory=list)
    reruns: list[tuple[str, str]] = field(default_factory=list)
    children: dict[str, list[str]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    fail_at: dict[str, int] = field(default_factory=dict)
    """Steps with a bug, and at which call of them it shows."""
    adopted: list[str] = field(default_factory=list)

    @property
    def admissions(self) -> "Backstage":
        return self

    @property
    def tree(self) -> "Backstage":
        return self

    @property
    def file_holders(self) -> "Backstage":
        return self

    def _take(self, step: str) -> None:
        self.steps.append(step)
        if step in self.failures:
            raise self.failures[step]
        if self.steps.count(step) == self.fail_at.get(step):
            raise TypeError("a bug")

    def record_many(self, jobs: Sequence[Job], rules: Sequence[Admission]) -> list[Any]:
        self._take("record")
        self.rules += rules
        answers: list[Any] = []
        for job, rule in zip(jobs, rules, strict=True):
            found = self.known.get(job.id) or self.known.get(rule.unique_key)
            if rule.queue_limit == 0:
                answers.append(QueueFullError(job.queue, 7))
            else:
                answers.append(Recorded(found or job, is_new=found is None))
        return answers

    def send(self, contents: Sequence[Content]) -> "Landed":
        self._take("publish")
        start = len(self.published)
        self.published += [content.message for content in contents]
        places = range(start, start + len(contents))
        return Landed([NACKED if place in self.unconfirmed else None for place in places])

    def confirm_many(self, jobs: Sequence[Job], *, within_seconds: float, by: str) -> list[Any]:
        assert within_seconds > 0
        assert by
        self.steps.append("confirm")
        failure = self.failures.get("confirm")
        if isinstance(failure, RedisError):
            raise failure
        if failure is not None:
            return [failure for _ in jobs]
        late = self.failures.get("late")
        return [late or replace(job, status=Status.QUEUED) for job in jobs]

    def adopt(self, job_id: str, by: str) -> Job:
        assert by
        if "adopt" in self.failures:
            self.known.pop(job_id)
            raise self.failures["adopt"]
        self.adopted.append(job_id)
        return self.known[job_id]

    def withdraw(self, job: Job, *, in_doubt_by: str = "") -> None:
        if in_doubt_by:
            self.in_doubt.append(job.id)
        else:
            self._take("withdraw")

    def read_boot(self) -> str:
        return "boot"

    def find(self, job_id: str) -> Job | None:
        return self.known.get(job_id)

    def hold(self, job_id: str, file_ids: Sequence[str]) -> None:
        """Nobody sweeps here."""

    def get(self, job_id: str) -> Job:
        if job_id in self.known:
            return self.known[job_id]
        if job_id.startswith("ended"):
            return a_job(id=job_id, status=Status.SUCCEEDED)
        raise NotFoundError(f"There is no job {job_id}.")

    def note_rerun(self, job_id: str, new_id: str) -> None:
        if "note" in self.failures:
            raise self.failures["note"]
        self.reruns.append((job_id, new_id))

    def cancel(self, job_id: str) -> Job:
        if job_id.startswith("ended") or job_id in self.known:
            raise TransitionError("it has ended")
        self.cancelled.append(job_id)
        return a_job(id=job_id)

    def list_children(self, job_id: str) -> list[str]:
        return self.children.get(job_id, [])


def submitter_on(stage: Backstage, **more: Any) -> Submitter:
    return Submitter(stage, stage, timeout_seconds=1, **more)  # type: ignore[arg-type]


def a_submission(**changes: Any) -> Submission:
    return Submission(**{"kind": "create_task", "parameters": {"type": 0}, **changes})


def submit(stage: Backstage, **changes: Any) -> Job:
    return submitter_on(stage).submit(a_submission(**changes), a_trace())


def submit_many(stage: Backstage, *submissions: Submission) -> list[Answer]:
    return submitter_on(stage).submit_many(submissions, a_trace())


REDIS_DOWN = RedisConnectionError("no")
YEAR = timedelta(days=365)


def test_job_is_recorded_then_published_then_confirmed() -> None:
    stage = Backstage()

    job = submit(stage)

    assert stage.steps == ["record", "publish", "confirm"]
    assert job.status is Status.QUEUED


@pytest.mark.parametrize(
    ("number", "queue"), [(0, "short"), (1, "short"), (2, "long"), (3, "long")]
)
def test_job_is_published_into_its_queue(number: int, queue: str) -> None:
    stage = Backstage()

    submit(stage, parameters={"type": number})

    assert [message.routing_key for message in stage.published] == [queue]


def test_job_belongs_to_who_asked_for_it() -> None:
    job = submit(Backstage(), owner="o" * 22, job_id="chosen-before")

    assert (job.owner, job.id) == ("o" * 22, "chosen-before")


@pytest.mark.parametrize(
    ("kind", "parameters", "error"),
    [
        ("nope", {}, UnknownKindError),
        ("create_task", {"type": -1}, InvalidInputError),
        ("create_task", [], InvalidInputError),
    ],
)
def test_wrong_input_comes_to_nothing(kind: str, parameters: Any, error: type[Exception]) -> None:
    stage = Backstage()

    with pytest.raises(error):
        submit(stage, kind=kind, parameters=parameters)

    assert "publish" not in stage.steps


def test_without_redis_nothing_is_published() -> None:
    stage = Backstage({"record": REDIS_DOWN})

    with pytest.raises(UnavailableError, match="Redis"):
        submit(stage)

    assert stage.published == []


def test_redis_that_takes_no_writes_is_not_said_to_be_silent() -> None:
    replica = Backstage({"record": ReadOnlyError("You can't write against a read only replica.")})

    answers = submit_many(replica, *[a_submission()] * (PART_SIZE + 1))

    assert {str(answer) for answer in answers} == {
        "Redis takes no writes, so nothing was accepted."
    }


def test_job_that_the_broker_did_not_confirm_is_withdrawn() -> None:
    stage = Backstage(unconfirmed={0})

    with pytest.raises(UnavailableError, match="RabbitMQ"):
        submit(stage)

    assert stage.steps == ["record", "publish", "withdraw"]


@pytest.mark.parametrize("failure", [REDIS_DOWN, TransitionError("cancelled already")])
def test_failed_withdrawal_does_not_hide_the_outage(failure: Exception) -> None:
    stage = Backstage({"withdraw": failure}, unconfirmed={0})

    with pytest.raises(UnavailableError, match="RabbitMQ"):
        submit(stage)


@pytest.mark.parametrize("failure", [REDIS_DOWN, NotFoundError("its record is lost")])
def test_confirm_that_cannot_be_noted_is_a_refusal(failure: Exception) -> None:
    """The broker has the message, but no worker runs a job that the ledger does not call queued."""
    stage = Backstage({"confirm": failure})

    with pytest.raises(UnavailableError, match="Redis"):
        submit(stage, job_id="j1")

    # Maybe it was noted, and only the answer was lost.
    wait_until(lambda: stage.in_doubt == ["j1"], 5)


def test_confirm_that_came_too_late_to_be_noted_is_a_refusal() -> None:
    stage = Backstage({"late": TransitionError("accepted")})

    with pytest.raises(UnavailableError, match="Redis"):
        submit(stage)

    assert stage.steps[-1] == "withdraw"


def test_repetition_that_another_request_got_through_is_that_job() -> None:
    """Both had the same key: this one was not confirmed, the other one was."""
    first = submit(Backstage(), idempotency_key="k")
    stage = Backstage({"withdraw": TransitionError("queued")}, unconfirmed={0})
    stage.known[first.id] = replace(first, status=Status.ACCEPTED)

    assert submit(stage, idempotency_key="k").id == first.id


def test_same_key_and_job_is_the_same_job() -> None:
    first = submit(Backstage(), idempotency_key="k")
    stage = Backstage(known={first.id: first})

    assert submit(stage, idempotency_key="k") == first
    assert stage.published == []


def test_found_job_that_waits_is_adopted_so_that_no_other_submit_withdraws_it() -> None:
    """The first request with the key may have been answered 503, and be in doubt about it."""
    first = submit(Backstage(), idempotency_key="k")
    stage = Backstage(known={first.id: first})

    submit(stage, idempotency_key="k")

    assert stage.adopted == [first.id]


def test_found_job_that_is_withdrawn_at_that_moment_is_submitted_anew() -> None:
    first = submit(Backstage(), idempotency_key="k")
    stage = Backstage({"adopt": TransitionError("cancelled")}, known={first.id: first})

    second = submit(stage, idempotency_key="k")

    assert second.id != first.id
    assert [message.job_id for message in stage.published] == [second.id]


def test_same_key_of_another_owner_is_another_job() -> None:
    first = submit(Backstage(), idempotency_key="k", owner="a")

    assert submit(Backstage(), idempotency_key="k", owner="b").id != first.id


def test_same_key_with_another_job_is_refused() -> None:
    first = submit(Backstage(), idempotency_key="k")

    with pytest.raises(KeyReusedError):
        submit(Backstage(known={first.id: first}), idempotency_key="k", parameters={"type": 1})


@pytest.mark.parametrize(("first", "second"), [(True, 1), (0, 0.0), (-0.0, 0.0)])
def test_same_key_with_values_that_only_python_takes_for_equal_is_refused(
    first: Any, second: Any
) -> None:
    def submit_mail(stage: Backstage, value: Any) -> Job:
        mail = {"recipient": "ada@example.org", "subject": "s", "text": "t", "values": {"n": value}}
        return submit(stage, idempotency_key="k", kind="email.send", parameters=mail)

    job = submit_mail(Backstage(), first)

    with pytest.raises(KeyReusedError):
        submit_mail(Backstage(known={job.id: job}), second)


@pytest.mark.parametrize(
    "changes",
    [{"delay_seconds": 60}, {"run_at": NOON + YEAR}, {"deduplication_key": "d"}],
    ids=["delay_seconds", "run_at", "deduplication_key"],
)
def test_same_key_with_another_time_or_deduplication_is_refused(changes: dict[str, Any]) -> None:
    plain, more = (submit(Backstage(), idempotency_key="k", **each) for each in ({}, changes))

    with pytest.raises(KeyReusedError):
        submit(Backstage(known={plain.id: plain}), idempotency_key="k", **changes)
    with pytest.raises(KeyReusedError):
        submit(Backstage(known={more.id: more}), idempotency_key="k")


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"delay_seconds": 60}, {"delay_seconds": 60.0}),
        (
            {"run_at": NOON + YEAR},
            {"run_at": (NOON + YEAR).astimezone(timezone(timedelta(hours=2)))},
        ),
        ({"deduplication_key": "d"}, {"deduplication_key": "d"}),
    ],
)
def test_same_key_and_request_is_the_same_job_however_late(
    first: dict[str, Any], again: dict[str, Any]
) -> None:
    """The same delay means another moment by then, and the job has maybe been run."""
    job = replace(submit(Backstage(), idempotency_key="k", **first), status=Status.SUCCEEDED)

    assert submit(Backstage(known={job.id: job}), idempotency_key="k", **again).id == job.id


def test_record_of_an_older_version_is_compared_by_kind_and_parameters() -> None:
    first = replace(submit(Backstage(), idempotency_key="k"), request_digest="")

    stage = Backstage(known={first.id: first})

    assert submit(stage, idempotency_key="k", delay_seconds=60).id == first.id


def test_key_counts_on_after_a_job_that_was_withdrawn() -> None:
    first = submit(Backstage(), idempotency_key="k")
    withdrawn = replace(first, status=Status.CANCELLED, error=WITHDRAWN)
    stage = Backstage(known={first.id: withdrawn})

    second = submit(stage, idempotency_key="k")

    assert second.id != first.id
    assert len(stage.published) == 1


def test_job_of_a_held_deduplication_key_is_the_holder() -> None:
    holder = a_job(status=Status.RUNNING)
    stage = Backstage(known={"create_task:key:nightly": holder})

    assert submit(stage, deduplication_key="nightly") == holder
    assert stage.published == []


def test_holder_that_nobody_has_confirmed_yet_is_handed_over_by_this_one_too() -> None:
    """Its own submitter may yet be refused; an answer of 202 must not depend on that."""
    holder = a_job(status=Status.ACCEPTED)
    stage = Backstage(known={"create_task:key:nightly": holder})

    job = submit(stage, deduplication_key="nightly")

    assert (job.id, job.status) == (holder.id, Status.QUEUED)
    assert [message.job_id for message in stage.published] == [holder.id]


def test_full_queue_takes_no_job() -> None:
    stage = Backstage()

    with pytest.raises(QueueFullError) as caught:
        submitter_on(stage, queue_limit=0).submit(a_submission(), a_trace())

    assert caught.value.depth == 7
    assert stage.published == []


def test_many_jobs_are_answered_one_by_one() -> None:
    stage = Backstage(unconfirmed={1})

    answers = submit_many(
        stage,
        a_submission(),
        a_submission(kind="nope"),
        a_submission(),
        a_submission(parameters={"type": "x"}),
        a_submission(),
    )

    assert [type(answer) for answer in answers] == [
        Job,
        UnknownKindError,
        UnavailableError,
        InvalidInputError,
        Job,
    ]
    assert stage.steps == ["record", "publish", "confirm", "withdraw"]


def test_many_jobs_share_a_wait_by_the_batch() -> None:
    stage = Backstage()

    answers = submit_many(stage, *[a_submission()] * (2 * PART_SIZE + 1))

    assert all(isinstance(answer, Job) for answer in answers)
    steps = Counter(stage.steps)
    assert steps.keys() == {"record", "publish", "confirm"}
    assert set(steps.values()) <= {2, 3}  # the last one may share a batch with one before it


def test_mistake_of_a_kinds_own_code_spoils_no_other_job(monkeypatch: pytest.MonkeyPatch) -> None:
    class Parameters(BaseModel):
        number: int

    def find_queue(parameters: Parameters) -> Literal["short"]:
        choices: dict[int, Literal["short"]] = {0: "short"}
        return choices[parameters.number]

    @definition.job("test.picky", title="Picky", queue=find_queue, time_limit_seconds=1)
    def run(parameters: Parameters, _context: Context) -> None:
        """Nothing."""

    monkeypatch.setitem(KINDS, run.name, run)
    picky = [a_submission(kind=run.name, parameters={"number": number}) for number in (0, 1, 0)]

    first, second, third = submit_many(Backstage(), *picky)

    assert isinstance(first, Job)
    assert isinstance(second, UnforeseenError)
    assert isinstance(third, Job)


def test_mistake_of_ours_about_one_job_takes_no_answer_from_its_neighbours() -> None:
    first = submit(Backstage(), idempotency_key="k")
    stage = Backstage({"adopt": TypeError("a bug")}, known={first.id: first})

    answers = submit_many(stage, a_submission(), a_submission(idempotency_key="k"), a_submission())

    assert [type(answer) for answer in answers] == [Job, UnforeseenError, Job]


def test_mistake_of_ours_takes_no_answer_from_batches_before_it() -> None:
    stage = Backstage(fail_at={"record": 2})

    answers = submit_many(stage, *[a_submission()] * (3 * PART_SIZE))

    kinds = Counter(type(answer) for answer in answers)
    assert sum(kinds.values()) == 3 * PART_SIZE
    assert kinds[UnforeseenError] in {PART_SIZE, 2 * PART_SIZE}  # one batch
    assert kinds[Job] >= PART_SIZE


def test_outage_ends_a_bulk_submit_with_what_is_under_way() -> None:
    stage = Backstage({"record": REDIS_DOWN})

    answers = submit_many(stage, *[a_submission()] * (9 * PART_SIZE))

    assert len(answers) == 9 * PART_SIZE
    assert all(isinstance(answer, UnavailableError) for answer in answers)
    assert set(stage.steps) == {"record"}
    assert len(stage.steps) <= UNDER_WAY + 1


def test_finished_job_is_rerun_as_a_new_one() -> None:
    failed = a_job(status=Status.FAILED, parameters={"type": 1}, owner="o" * 22)
    stage = Backstage(known={failed.id: failed})

    again = submitter_on(stage).rerun(failed.id, a_trace())

    assert again.id != failed.id
    assert (again.rerun_of, again.parameters, again.owner) == (failed.id, {"type": 1}, "o" * 22)
    assert stage.reruns == [(failed.id, again.id)]


def test_finished_job_can_be_run_again_with_other_parameters() -> None:
    dead = a_job(status=Status.DEAD, parameters={"type": 1})
    stage = Backstage(known={dead.id: dead})

    assert submitter_on(stage).rerun(dead.id, a_trace(), {"type": 0}).parameters == {"type": 0}
    with pytest.raises(InvalidInputError):
        submitter_on(stage).rerun(dead.id, a_trace(), {"type": -1})


@pytest.mark.parametrize("parameters", [None, {"older_than_days": 1}])
@pytest.mark.parametrize("kind", ["files.sweep", "sign_up", "report.part"])
def test_job_of_a_kind_that_is_not_offered_cannot_be_run_again(kind: str, parameters: Any) -> None:
    """Or else a client could choose what such a kind is run with."""
    for status in (Status.FAILED, Status.DEAD):
        job = a_job(kind=kind, status=status, parameters={})
        stage = Backstage(known={job.id: job})

        with pytest.raises(UnknownKindError, match="internal: clients cannot submit"):
            submitter_on(stage).rerun(job.id, a_trace(), parameters)

        assert stage.steps == []


def test_part_of_a_kind_that_is_not_offered_is_rerun_as_it_was_only() -> None:
    """Its parent has submitted it, and may need that one part anew."""
    parent = a_job(status=Status.FAILED)
    part = a_job(
        kind="report.source",
        status=Status.FAILED,
        parent_id=parent.id,
        parameters={"table": f"{'a' * 32}.csv"},
    )
    stage = Backstage(known={part.id: part, parent.id: parent})

    with pytest.raises(UnknownKindError, match="internal: clients cannot submit"):
        submitter_on(stage).rerun(part.id, a_trace(), part.parameters)
    again = submitter_on(stage).rerun(part.id, a_trace())

    assert (again.kind, again.parent_id) == (part.kind, parent.id)


def test_job_that_has_not_ended_cannot_be_run_again() -> None:
    running = a_job(status=Status.RUNNING)

    with pytest.raises(TransitionError):
        submitter_on(Backstage(known={running.id: running})).rerun(running.id, a_trace())


def test_dead_job_is_replayed_once_however_often_that_is_asked_for() -> None:
    dead = a_job(status=Status.DEAD)
    stage = Backstage(known={dead.id: dead})
    first = submitter_on(stage).rerun(dead.id, a_trace())
    stage.known[first.id] = first

    assert submitter_on(stage).rerun(dead.id, a_trace()).id == first.id


def test_dead_job_is_replayed_once_at_whatever_rate() -> None:
    dead = [a_job(status=Status.DEAD) for _ in range(2)]
    ids = [job.id for job in dead]
    stage = Backstage(known={job.id: job for job in dead})
    first = submitter_on(stage).rerun_many(ids, a_trace(), rate_per_second=0.1)
    stage.known |= {job.id: job for job in first if isinstance(job, Job)}

    second = submitter_on(stage).rerun_many(ids, a_trace())

    assert [job.id for job in second if isinstance(job, Job)] == [
        job.id for job in first if isinstance(job, Job)
    ]
    assert len(second) == 2


def test_child_of_the_same_key_is_the_same_child_in_each_attempt() -> None:
    parent = a_job()
    child = make_child(parent, "create_task", {"type": 0}, "k")
    (first,) = submit_many(Backstage(), child)
    assert isinstance(first, Job)

    (second,) = submit_many(Backstage(known={first.id: first}), child)

    assert second == first
    assert first.request_digest == ""


def test_jobs_that_are_replayed_at_a_rate_become_due_one_after_the_other() -> None:
    dead = [a_job(status=Status.DEAD) for _ in range(4)]
    stage = Backstage(known={job.id: job for job in dead})

    answers = submitter_on(stage).rerun_many(
        [job.id for job in dead], a_trace(), rate_per_second=0.1
    )

    due = [job.run_at for job in answers if isinstance(job, Job)]
    assert due[0] is None
    pauses = [(b - a).total_seconds() for a, b in pairwise(due[1:])]  # type: ignore[operator]
    assert pauses == pytest.approx([10, 10], abs=1)


def test_cancel_reaches_the_jobs_that_the_job_has_submitted() -> None:
    stage = Backstage(children={"parent": ["child", "ended child"], "child": ["grandchild"]})

    submitter_on(stage).cancel("parent")

    assert stage.cancelled == ["parent", "child", "grandchild"]


def test_cancel_that_was_cut_short_is_completed_by_another_one() -> None:
    parent = a_job(id="parent", status=Status.CANCELLED)
    stage = Backstage(known={"parent": parent}, children={"parent": ["child"]})

    with pytest.raises(TransitionError):
        submitter_on(stage).cancel("parent")

    assert stage.cancelled == ["child"]


@pytest.mark.parametrize("failure", [REDIS_DOWN, NotFoundError("forgotten meanwhile")])
def test_job_that_runs_again_is_answered_even_where_its_original_cannot_be_told(
    failure: Exception,
) -> None:
    failed = a_job(status=Status.FAILED)
    stage = Backstage({"note": failure}, known={failed.id: failed})

    assert submitter_on(stage).rerun(failed.id, a_trace()).status is Status.QUEUED


def test_each_job_has_a_span_of_its_own_in_its_line_and_message() -> None:
    stage, trace = Backstage(), a_trace()

    with capture_logs() as lines:
        submitter_on(stage).submit_many([a_submission(), a_submission()], trace)

    for line, message in zip(lines, stage.published, strict=True):
        submitted = Trace.of_message(message.headers, message.job_id)
        assert line["event"] == "job_submitted"
        assert line["job_id"] == message.job_id
        assert line["trace_id"] == submitted.trace_id == trace.trace_id
        assert line["span_id"] == submitted.span_id
        assert line["transaction_id"] == trace.span_id
    assert len({line["span_id"] for line in lines}) == 2


def test_line_of_a_child_names_its_parents() -> None:
    parent = a_job(id="parent", root_id="root", status=Status.RUNNING)

    with capture_logs() as lines:
        submit(Backstage(), parent=parent)

    assert (lines[0]["parent_job_id"], lines[0]["root_job_id"]) == ("parent", "root")


def test_job_that_an_earlier_request_has_recorded_stays_in_its_trace() -> None:
    holder = a_job(status=Status.ACCEPTED, trace_id="e" * 32)
    stage = Backstage(known={"create_task:key:k": holder})

    submit(stage, deduplication_key="k")

    submitted = Trace.of_message(stage.published[0].headers, holder.id)
    assert (submitted.trace_id, submitted.span_id) == ("e" * 32, submit_span_id(holder.id))
