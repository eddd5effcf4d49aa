"""The job: its record, and the steps its status allows."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest

from project.broker.message import make_headers
from project.ledger import Job, Progress, Status
from project.ledger.job import (
    FINISHED,
    SOURCES,
    AttemptOutcome,
    JobError,
    format_time,
    read_lineage,
)
from project.ledger.record import decode_job, encode_fields, encode_job
from tests.builders import NOON, a_job, a_trace

LIVE = {
    *(Status.ACCEPTED, Status.QUEUED, Status.SCHEDULED, Status.RUNNING, Status.RETRYING),
    Status.WAITING,
}

# Written out on purpose: a change of the table in the code must be a change here too.
ALLOWED = {
    (Status.ACCEPTED, Status.QUEUED),
    (Status.ACCEPTED, Status.SCHEDULED),
    (Status.QUEUED, Status.RUNNING),
    (Status.SCHEDULED, Status.RUNNING),
    (Status.RUNNING, Status.RUNNING),
    (Status.RUNNING, Status.QUEUED),
    (Status.RETRYING, Status.RUNNING),
    (Status.RUNNING, Status.RETRYING),
    (Status.RUNNING, Status.WAITING),
    (Status.WAITING, Status.QUEUED),
    (Status.RUNNING, Status.SUCCEEDED),
    (Status.RUNNING, Status.FAILED),
    *product(LIVE, {Status.CANCELLED, Status.DEAD}),
}


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)))
def test_status_changes_only_along_the_table(before: Status, after: Status) -> None:
    assert (before in SOURCES[after]) is ((before, after) in ALLOWED)


@pytest.mark.parametrize("finished", sorted(FINISHED))
def test_finished_job_cannot_start_again(finished: Status) -> None:
    assert not any(finished in sources for sources in SOURCES.values())


def test_final_statuses_are_those_that_nothing_follows() -> None:
    left = {before for before, _ in ALLOWED}

    assert {status for status in Status if status.is_finished} == set(Status) - left


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_an_entry_in_the_table(status: Status) -> None:
    assert status in SOURCES


def test_full_job_survives_the_record() -> None:
    job = a_job(
        status=Status.FAILED,
        parameters={"text": "naïve ☕", "list": [1, {"a": None}]},
        submitted_at=NOON,
        owner="o" * 22,
        trace_id="a" * 32,
        started_at=NOON + timedelta(seconds=1),
        finished_at=NOON + timedelta(microseconds=1),
        expires_at=NOON.replace(microsecond=123000) + timedelta(days=7),
        worker="short@host",
        attempt=3,
        progress=Progress(1.5, 4, "Reading"),
        error=JobError("ValueError", "no", "Traceback …"),
        version=9,
    )

    assert decode_job(encode_job(job)) == job


def test_fresh_job_survives_the_record() -> None:
    job = a_job()

    assert decode_job(encode_job(job)) == job


@pytest.mark.parametrize("result", [True, False, 0, "", [], {}, {"file": "x"}, [1, 2.5, "é"]])
def test_every_json_result_survives_the_record(result: Any) -> None:
    job = a_job(status=Status.SUCCEEDED, result=result)

    assert decode_job(encode_job(job)).result == result


def test_record_leaves_out_what_is_absent() -> None:
    record = encode_job(a_job())

    assert not {"owner", "started_at", "worker", "progress", "result", "error"} & record.keys()


def test_record_is_flat_text() -> None:
    record = encode_job(a_job(progress=Progress(1, 2), attempt=2))

    assert all(isinstance(value, str) for value in record.values())


def test_unknown_field_of_a_record_is_ignored() -> None:
    job = a_job()

    assert decode_job({**encode_job(job), "added_later": "x"}) == job


def test_times_sort_as_text() -> None:
    moments = [NOON, NOON + timedelta(microseconds=1), NOON.replace(microsecond=0)]

    texts = [format_time(moment) for moment in moments]

    assert sorted(texts) == [format_time(moment) for moment in sorted(moments)]
    assert {len(text) for text in texts} == {27}


def test_time_of_another_zone_is_written_in_utc() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert format_time(elsewhere) == "2026-05-04T12:00:00.123456Z"


def test_empty_text_of_a_plain_field_is_absent_and_of_a_json_field_is_kept() -> None:
    assert encode_fields({"worker": "", "result": ""}) == {"result": '""'}


def test_field_that_says_nothing_is_left_out() -> None:
    assert encode_fields({"losses": 0, "owner": "", "run_at": None, "attempt": 1}) == {
        "attempt": "1"
    }


def test_present_attempt_is_the_last_of_its_attempts() -> None:
    earlier = '{"number":"1","outcome":"retried","worker":"a","started_at":"2026-05-04T12:00:00Z"}'
    job = a_job(status=Status.RUNNING, attempt=2, worker="b", started_at=NOON)

    attempts = decode_job({**encode_job(job), "attempt:1": earlier}).attempts

    assert [(one.number, one.worker) for one in attempts] == [(1, "a"), (2, "b")]
    assert [one.outcome for one in attempts] == [AttemptOutcome.RETRIED, AttemptOutcome.RUNNING]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RETRYING, Status.CANCELLED])
def test_attempt_that_is_over_is_not_counted_twice(status: Status) -> None:
    """Put back, waiting for the next one, or cancelled while it waits."""
    earlier = '{"number":"1","outcome":"interrupted","finished_at":"2026-05-04T12:00:00Z"}'
    job = a_job(status=status, attempt=1)

    (attempt,) = decode_job({**encode_job(job), "attempt:1": earlier}).attempts

    assert attempt.outcome is AttemptOutcome.INTERRUPTED


@pytest.mark.parametrize(
    ("headers", "lineage"),
    [
        ({}, ("", "")),
        ({"parent_id": None, "root_id": "me"}, ("", "")),
        ({"parent_id": "me", "root_id": "me"}, ("", "")),
        ({"parent_id": "parent", "root_id": "root"}, ("parent", "root")),
        ({"parent_id": "parent"}, ("parent", "parent")),
        ({"parent_id": 7, "root_id": ["x"]}, ("", "")),
    ],
)
def test_parents_are_those_that_the_message_names_unless_it_is_the_job(
    headers: Any, lineage: tuple[str, str]
) -> None:
    assert read_lineage(headers, "me") == lineage


def from_message(**headers: Any) -> Job:
    return Job.from_message(
        headers,
        id="me",
        kind="create_task",
        queue="short",
        parameters={"type": 1},
        trace_id="t",
        received_at=NOON,
    )


def test_job_is_rebuilt_from_its_message() -> None:
    job = a_job(
        status=Status.QUEUED,
        submitted_at=NOON - timedelta(hours=1),
        run_at=NOON,
        owner="browser",
        parent_id="parent",
        root_id="root",
        key="step",
        rerun_of="earlier",
        request_digest="0123456789abcdef",
    )

    rebuilt = Job.from_message(
        make_headers(job, a_trace()),
        id=job.id,
        kind=job.kind,
        queue=job.queue,
        parameters=job.parameters,
        trace_id=job.trace_id,
        received_at=NOON,
    )

    assert rebuilt == job


@pytest.mark.parametrize(
    "headers",
    [
        {"submitted_at": "soon", "run_at": 5, "owner": ["x"], "key": 5, "rerun_of": b"x"},
        {"submitted_at": "9999-12-31T23:59:59+00:00", "run_at": "9999-12-31T23:59:59-23:00"},
        {"owner": "\ud83d", "key": "k" * 1001, "parent_id": "\ud83d", "root_id": {}},
        {"submitted_at": None, "owner": None},
    ],
)
def test_what_a_record_cannot_hold_of_a_message_is_left_out(headers: Any) -> None:
    job = from_message(**headers)

    assert job == from_message()
    assert job.submitted_at == NOON
    assert decode_job(encode_job(job)) == job


def test_time_without_a_zone_is_utc() -> None:
    assert from_message(submitted_at="2020-01-01T00:00:00").submitted_at == datetime(
        2020, 1, 1, tzinfo=UTC
    )


def test_times_of_an_attempt_are_told_in_seconds() -> None:
    job = a_job(
        status=Status.SUCCEEDED,
        attempt=1,
        submitted_at=NOON,
        started_at=NOON + timedelta(seconds=2),
        finished_at=NOON + timedelta(seconds=5),
    )

    (attempt,) = job.attempts

    assert (attempt.wait_seconds, attempt.run_seconds) == (2, 3)
