"""What becomes of a message that was dead-lettered."""

from datetime import datetime
from typing import Any

import pytest

from project.ledger import Job, Status
from project.ledger.dead_letters import DeadLetter, DeadLetterFilter, DeathReason
from project.ledger.job import JobError
from project.reconciler.intake import own_headers
from project.reconciler.verdict import MOST_RETURNS, DeadMessage, Fate, Verdict, judge
from tests.builders import NOON, a_job

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


def judged(message: DeadMessage, job: Job | None, is_leased: bool = False) -> Verdict:
    return judge(message, job, is_leased=is_leased, kinds=KINDS)


def test_message_that_came_back_too_often_without_a_fault_goes_back_to_its_lane() -> None:
    """Each lost connection counts as a failed delivery of all that the worker had fetched."""
    assert judged(a_message(), a_job(status=Status.QUEUED)).fate is Fate.RETURN


def test_message_goes_back_so_often_and_no_more() -> None:
    job = a_job(status=Status.QUEUED, returns=MOST_RETURNS)

    verdict = judged(a_message(), job)

    assert (verdict.fate, verdict.reason) == (Fate.KEEP, DeathReason.DELIVERY_LIMIT)


def test_message_of_a_job_that_runs_goes_back_however_often() -> None:
    """Its attempt may well succeed; until then the claim keeps the message waiting."""
    job = a_job(status=Status.RUNNING, returns=MOST_RETURNS)

    assert judged(a_message(), job, is_leased=True).fate is Fate.RETURN


def test_message_of_a_job_whose_record_was_lost_goes_back() -> None:
    assert judged(a_message(), None).fate is Fate.RETURN


@pytest.mark.parametrize("ended", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_late_copy_of_an_ended_job_is_dropped(ended: Status) -> None:
    assert judged(a_message(body=b"broken"), a_job(status=ended)).fate is Fate.DROP


def test_message_of_a_job_that_its_worker_has_buried_is_kept_for_that_reason() -> None:
    job = a_job(status=Status.DEAD, error=JobError("WorkerLost", "killed each time"))

    verdict = judged(a_message(cause="rejected"), job)

    assert verdict == Verdict(Fate.KEEP, DeathReason.WORKER_LOST, "killed each time")


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
    ],
)
def test_message_that_no_worker_can_read_is_a_dead_letter(changes: dict[str, Any]) -> None:
    verdict = judged(a_message(**changes), None)

    assert (verdict.fate, verdict.reason) == (Fate.KEEP, DeathReason.UNDECODABLE)


def test_message_of_an_unknown_kind_is_a_dead_letter_that_names_it() -> None:
    verdict = judged(a_message(headers={"id": "j1", "task": "nope"}), None)

    assert (verdict.fate, verdict.reason) == (Fate.KEEP, DeathReason.UNKNOWN_KIND)
    assert "'nope'" in verdict.detail


def test_parameters_are_those_that_the_message_names() -> None:
    assert a_message().parameters == {"type": 1}
    assert a_message(body=b"broken").parameters == {}


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


def a_letter(**changes: Any) -> DeadLetter:
    moment: datetime = NOON
    values: dict[str, Any] = {"id": "j1", "kind": "create_task", "lane": "short"}
    return DeadLetter(
        **{"reason": DeathReason.REJECTED, "detail": "", "died_at": moment, **values, **changes}
    )


@pytest.mark.parametrize(
    ("chosen", "is_through"),
    [
        ({}, True),
        ({"reasons": frozenset({"rejected"})}, True),
        ({"reasons": frozenset({"undecodable"})}, False),
        ({"kinds": frozenset({"create_task"}), "lanes": frozenset({"short"})}, True),
        ({"kinds": frozenset({"create_task"}), "lanes": frozenset({"long"})}, False),
    ],
)
def test_letters_are_chosen_by_all_that_is_named(chosen: dict[str, Any], is_through: bool) -> None:
    assert DeadLetterFilter(**chosen).lets_through(a_letter()) is is_through
