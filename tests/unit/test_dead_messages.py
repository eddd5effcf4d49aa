"""What becomes of a message that was dead-lettered."""

import json
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from types import SimpleNamespace
from typing import Any, cast

import pytest

from project.broker.message import Message
from project.broker.message_reader import own_headers
from project.broker.publisher.content import Content
from project.config import Settings
from project.errors import UnavailableError
from project.ledger import Job, Status
from project.ledger.dead_letters import DeadLetter, DeadLetterFilter, DeathReason, _encode
from project.ledger.job import JobError
from project.scheduler.reconciler.dead_letter_consumer import DeadLetterConsumer, make_id
from project.scheduler.reconciler.dead_letter_policy import (
    ERROR_TYPES,
    MOST_REQUEUES,
    DeadMessage,
    Decision,
    Fate,
    judge,
)
from tests.builders import NOON, a_job

QUEUES = Settings().job_queues

KINDS = frozenset({"create_task"})
BODY = b'[[], {"type": 1}, {}]'


def a_message(**changes: Any) -> DeadMessage:
    """One that a worker could read."""
    values: dict[str, Any] = {
        "headers": {"id": "j1", "task": "create_task"},
        "body": BODY,
        "content_type": "application/json",
        "queue": "short",
        "cause": "delivery_limit",
    }
    return DeadMessage(**values | changes)


def judged(message: DeadMessage, job: Job | None, is_leased: bool = False) -> Decision:
    return judge(message, job, is_leased=is_leased, kinds=KINDS)


def test_message_that_came_back_too_often_without_a_fault_goes_back_to_its_queue() -> None:
    """Each lost connection counts as a failed delivery of all that the worker had fetched."""
    assert judged(a_message(), a_job(status=Status.QUEUED)).fate is Fate.REQUEUE


def test_message_goes_back_so_often_and_no_more() -> None:
    job = a_job(status=Status.QUEUED, requeues=MOST_REQUEUES)

    decision = judged(a_message(), job)

    assert (decision.fate, decision.reason) == (Fate.KEEP, DeathReason.DELIVERY_LIMIT)


def test_message_of_a_job_that_runs_goes_back_however_often() -> None:
    """Its attempt may well succeed; until then the claim keeps the message waiting."""
    job = a_job(status=Status.RUNNING, requeues=MOST_REQUEUES)

    assert judged(a_message(), job, is_leased=True).fate is Fate.REQUEUE


def test_message_of_a_job_whose_record_was_lost_goes_back() -> None:
    assert judged(a_message(), None).fate is Fate.REQUEUE


@pytest.mark.parametrize("finished", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_late_copy_of_an_ended_job_is_dropped(finished: Status) -> None:
    assert judged(a_message(), a_job(status=finished)).fate is Fate.DROP


def test_message_of_a_job_that_its_worker_has_made_dead_is_kept_for_that_reason() -> None:
    job = a_job(status=Status.DEAD, error=JobError("WorkerLost", "killed each time"))

    decision = judged(a_message(cause="rejected"), job)

    assert decision == Decision(Fate.KEEP, DeathReason.WORKER_LOST, "killed each time")


@pytest.mark.parametrize(
    "changes",
    [
        {"body": b"\xff{"},
        {"body": b"[]"},
        {"body": b"[{}, [], {}]"},
        {"body": b'"text"'},
        {"content_type": "application/x-python-serialize"},
        {"content_type": ""},
        {"headers": {}},
        {"headers": {"task": "create_task"}},
        {"headers": {"task": "create_task", "id": 7}},
        {"body": b"[[0], {}, null]"},
        {"body": b"[[18446744073709551616], {}, {}]"},
        {"headers": {"task": "create_task", "id": "j1", "eta": "tomorrow"}},
        {"headers": {"task": "create_task", "id": "j1", "expires": 5}},
        {"headers": {"task": "create_task", "id": "j1", "\ud83d": "\ud83d", "group": 5}},
        {"content_encoding": "utf-16"},
    ],
)
def test_message_that_no_worker_can_read_is_a_dead_letter(changes: dict[str, Any]) -> None:
    decision = judged(a_message(**changes), None)

    assert (decision.fate, decision.reason) == (Fate.KEEP, DeathReason.UNDECODABLE)


def test_message_of_an_unknown_kind_is_a_dead_letter_that_names_it() -> None:
    decision = judged(a_message(headers={"id": "j1", "task": "nope"}, cause="rejected"), None)

    assert (decision.fate, decision.reason) == (Fate.KEEP, DeathReason.UNKNOWN_KIND)
    assert "'nope'" in decision.detail


def test_task_that_is_no_kind_goes_back_where_no_worker_has_refused_it() -> None:
    """Its worker lost its connection, or was killed: it may well know the task."""
    headers = {"id": "j1", "task": "nope"}
    often = {**headers, "requeues": MOST_REQUEUES}

    assert judged(a_message(headers=headers), None).fate is Fate.REQUEUE
    assert judged(a_message(headers=often), None).reason is DeathReason.DELIVERY_LIMIT


def test_message_without_a_record_goes_back_so_often_and_no_more() -> None:
    """It counts that itself: a worker that refuses it would else get it again without end."""
    headers = {"id": "j1", "task": "create_task"}
    often = {**headers, "requeues": MOST_REQUEUES}

    assert judged(a_message(headers={**headers, "requeues": MOST_REQUEUES - 1}), None) == Decision(
        Fate.REQUEUE
    )
    assert judged(a_message(headers=often, cause="rejected"), None).fate is Fate.KEEP


def test_message_whose_time_to_live_is_over_does_not_run_any_more() -> None:
    decision = judged(a_message(cause="expired"), None)

    assert (decision.fate, decision.reason) == (Fate.KEEP, DeathReason.REJECTED)


@pytest.mark.parametrize("name", ["\ud83d", "a b", "", "x" * 101])
def test_name_that_no_task_can_have_is_no_kind(name: str) -> None:
    message = a_message(headers={"id": "j1", "task": name}, cause="rejected")

    assert message.kind == ""
    assert judged(message, None).fate is Fate.KEEP


def test_message_of_protocol_1_names_its_job() -> None:
    body = b'{"task": "create_task", "id": "j1", "args": [1], "kwargs": {}}'

    message = a_message(headers={}, body=body)

    assert (message.job_id, message.kind, message.fault) == ("j1", "create_task", "")
    assert message.read().args == [1]


def test_same_message_gets_the_same_id_and_another_one_another() -> None:
    first, again = (a_message(headers={"b": 1, "a": b"\xff"}) for _ in range(2))

    assert make_id(first) == make_id(again)
    assert make_id(first) != make_id(a_message(headers={"a": b"\xff"}))
    assert make_id(a_message(headers={"\ud83d": "\ud83d"}, content_type="\ud83d"))


def test_message_is_published_again_without_what_the_broker_has_added() -> None:
    headers = {
        "id": "j1",
        "owner": "me",
        "x-death": [{"queue": "short"}],
        "x-delivery-count": 11,
        "x-first-death-reason": "rejected",
        "x-last-death-queue": "short",
    }

    assert own_headers(headers) == {"id": "j1", "owner": "me"}


@dataclass
class Ledger:
    """Stands in for the ledger, and for the dead letters and the publisher."""

    jobs: dict[str, Job] = field(default_factory=dict)
    leased: set[str] = field(default_factory=set)
    died: dict[str, Job] = field(default_factory=dict)
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    published: list[Message] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    """What the next looks for a job raise."""

    def find(self, job_id: str) -> Job | None:
        if self.failures:
            raise self.failures.pop()
        return self.jobs.get(job_id)

    def find_lease_ends(self, job_ids: list[str]) -> list[datetime | None]:
        return [NOON + timedelta(hours=1) if one in self.leased else None for one in job_ids]

    def read_time(self) -> datetime:
        return NOON

    def mark_dead(self, job_id: str, error: JobError, fallback: Job) -> None:
        assert error.message
        self.died[job_id] = fallback

    def note_requeue(self, job: Job) -> None:
        pass

    def add(self, letter: DeadLetter) -> None:
        self.letters[letter.id] = letter

    def publish(self, messages: list[Message], _seconds: float) -> list[None]:
        for message in messages:
            Content(message, is_mandatory=True)  # raises where it cannot be sent
        self.published += messages
        return [None] * len(messages)


class Queue:
    """Stands in for the dead-letter queue's channel."""

    def __init__(self, *messages: DeadMessage) -> None:
        self.ready = list(enumerate(messages))
        self.acknowledged: list[int] = []

    @property
    def default_channel(self) -> "Queue":
        return self

    def basic_get(self, _queue: str, *, no_ack: bool) -> Any:
        assert not no_ack
        if not self.ready:
            return None
        tag, message = self.ready.pop(0)
        properties = {
            "application_headers": message.headers,
            "content_type": message.content_type,
            "content_encoding": message.content_encoding,
        }
        return SimpleNamespace(properties=properties, body=message.body, delivery_tag=tag)

    def basic_ack(self, tag: int) -> None:
        self.acknowledged.append(tag)


def taken(ledger: Ledger, *messages: DeadMessage) -> Queue:
    stage: Any = ledger
    queue: Any = Queue(*messages)
    DeadLetterConsumer(stage, stage, stage, QUEUES).take_all(queue)
    return cast(Queue, queue)


STRANGE: list[dict[str, Any]] = [
    {"headers": {"id": "\ud83d", "task": "\ud83d", "\ud83d": "\ud83d"}},
    {"headers": {b"\xff": {b"\xff": float("nan")}, "id": "j1", "task": "create_task"}},
    {"headers": {"x-death": 5, "x-delivery-count": [], "id": 2**62}},
    {"headers": {"x-death": [5]}, "content_type": "\ud83d", "body": b""},
    {"headers": {"id": "j1", "task": "create_task", "submitted_at": "0001-01-01", "owner": [1]}},
    {"headers": {"unreadable": True}, "content_type": ""},
]


@pytest.mark.parametrize("changes", STRANGE)
def test_strange_message_holds_up_no_other(changes: dict[str, Any]) -> None:
    ledger = Ledger()
    good = a_message(headers={"id": "good", "task": "create_task"})

    queue = taken(ledger, a_message(**changes), good)

    assert queue.acknowledged == [0, 1]
    assert [message.job_id for message in ledger.published][-1:] == ["good"]
    assert len(ledger.letters) + len(ledger.published) == 2


def test_message_that_meets_a_fault_of_ours_is_kept_and_holds_up_no_other() -> None:
    ledger = Ledger(failures=[LookupError("ours")])

    queue = taken(ledger, a_message(), a_message())

    assert queue.acknowledged == [0, 1]
    (letter,) = ledger.letters.values()
    assert letter.body == BODY
    assert len(ledger.published) == 1


def test_message_lies_there_while_a_part_is_away() -> None:
    ledger = Ledger(failures=[UnavailableError("Redis")])

    with pytest.raises(UnavailableError):
        taken(ledger, a_message())

    assert (ledger.letters, ledger.published) == ({}, [])


def test_intake_ends_with_its_time_however_much_lies_there() -> None:
    """Other repairs wait for it."""
    stage: Any = Ledger()
    queue: Any = Queue(*(a_message(body=b"%d" % number) for number in range(5)))

    assert DeadLetterConsumer(stage, stage, stage, QUEUES).take_all(queue, seconds=0) == 1
    assert DeadLetterConsumer(stage, stage, stage, QUEUES).take_all(queue) == 4


def test_message_that_goes_back_counts_that() -> None:
    ledger = Ledger()

    taken(ledger, a_message(headers={"id": "j1", "task": "create_task", "requeues": 1}))

    assert ledger.published[0].headers["requeues"] == 2


@pytest.mark.parametrize("body", [BODY, b"broken"])
def test_job_is_not_given_up_for_a_message_of_another_kind(body: bytes) -> None:
    ledger = Ledger({"j1": a_job(id="j1", kind="image.thumbnail", status=Status.QUEUED)})

    taken(ledger, a_message(body=body))

    assert "j1" not in ledger.died
    (letter,) = ledger.letters.values()
    assert letter.id in ledger.died
    assert letter.detail
    assert ledger.published == []


@pytest.mark.parametrize(
    "job",
    [
        a_job(id="j1", status=Status.ACCEPTED),
        a_job(id="j1", status=Status.QUEUED),
        a_job(id="j1", status=Status.RUNNING),
        a_job(id="j1", status=Status.SUCCEEDED),
        a_job(id="j1", status=Status.DEAD, error=JobError("WorkerLost", "killed each time")),
    ],
)
def test_message_that_nobody_can_read_is_of_no_job_that_was_read(job: Job) -> None:
    """Neither does the job end by it, nor is the job's own letter lost to it."""
    ledger = Ledger({"j1": job})

    taken(ledger, a_message(body=b"broken"), a_message(body=b"broken"))

    (letter,) = ledger.letters.values()
    assert letter.id != "j1"
    assert letter.reason is DeathReason.UNDECODABLE
    assert ledger.died.keys() == {letter.id}


@pytest.mark.parametrize("name", ["create_task", "a b"])
def test_message_that_comes_again_after_it_was_kept_is_the_same_letter(name: str) -> None:
    """Its acknowledgement was lost: by then the job is dead, because of this very message."""
    ledger = Ledger()
    message = a_message(headers={"id": "j1", "task": name}, body=b"broken")

    for _ in range(2):
        taken(ledger, message)
        (letter,) = ledger.letters.values()
        error = JobError(ERROR_TYPES[letter.reason], letter.detail)
        ledger.jobs["j1"] = a_job(id="j1", kind=letter.kind, status=Status.DEAD, error=error)

    assert ledger.letters.keys() == {"j1"}


@pytest.mark.parametrize("jobs", [{}, {"j1": a_job(id="j1", status=Status.QUEUED)}])
def test_message_that_is_too_long_to_go_back_holds_up_no_other(jobs: dict[str, Job]) -> None:
    """RabbitMQ would close the connection at it, again and again. A job's record makes another."""
    ledger = Ledger(jobs)
    headers = {"id": "j1", "task": "create_task", "long": [1] * 60_000}

    queue = taken(ledger, a_message(headers=headers), a_message())

    assert queue.acknowledged == [0, 1]
    (letter,) = ledger.letters.values()
    assert "too long" in letter.detail
    assert (letter.id == "j1") is (not jobs)
    assert len(ledger.published) == 1


def test_letter_of_a_call_by_position_has_its_parameters_by_name() -> None:
    headers = {"id": "j1", "task": "create_task", "requeues": MOST_REQUEUES}
    ledger = Ledger()

    taken(ledger, a_message(headers=headers, body=b"[[1], [], {}]"))

    assert ledger.died["j1"].parameters == {"type": 1}


def test_letter_of_a_compressed_message_has_its_parameters() -> None:
    headers = {
        **{"id": "j1", "task": "create_task", "requeues": MOST_REQUEUES},
        "compression": "application/x-gzip",
    }
    ledger = Ledger()

    taken(ledger, a_message(headers=headers, body=zlib.compress(BODY)))

    assert ledger.died["j1"].parameters == {"type": 1}
    assert judged(a_message(headers=headers), None).reason is DeathReason.UNDECODABLE


def test_headers_of_a_letter_are_json_whatever_they_were() -> None:
    when = datetime(2026, 5, 4, tzinfo=UTC)
    headers: dict[Any, Any] = {
        "half": "a\ud83d",
        b"\xff": b"\xfe",
        "numbers": [1, 2**64, 1.5, float("nan"), Decimal("1.5"), True, None],
        "when": when,
        "deep": reduce(lambda inner, _: [inner], range(500), [1]),
    }

    text = _encode(a_letter(headers=headers, content_type="\ud83d"))["headers"]

    document = json.loads(text)
    assert document["half"] == "a?"
    assert document["\ufffd"] == "\ufffd"
    assert document["numbers"] == [1, str(2**64), 1.5, "nan", "1.5", True, None]
    assert document["when"] == when.isoformat()


def a_letter(**changes: Any) -> DeadLetter:
    moment: datetime = NOON
    values: dict[str, Any] = {"id": "j1", "kind": "create_task", "queue": "short"}
    return DeadLetter(
        **{"reason": DeathReason.REJECTED, "detail": "", "died_at": moment, **values, **changes}
    )


@pytest.mark.parametrize(
    ("chosen", "is_through"),
    [
        ({}, True),
        ({"reason": frozenset({"rejected"})}, True),
        ({"reason": frozenset({"undecodable"})}, False),
        ({"kind": frozenset({"create_task"}), "queue": frozenset({"short"})}, True),
        ({"kind": frozenset({"create_task"}), "queue": frozenset({"long"})}, False),
    ],
)
def test_letters_are_chosen_by_all_that_is_named(chosen: dict[str, Any], is_through: bool) -> None:
    assert DeadLetterFilter(**chosen).lets_through(a_letter()) is is_through
