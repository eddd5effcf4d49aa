"""A submission, checked and turned into a job."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from project.broker.message import MAX_DELAY_SECONDS
from project.errors import InvalidInputError
from project.submission.preparation import (
    DEDUPLICATION_SECONDS,
    PreparedJob,
    Submission,
    delay_seconds,
    prepare,
)
from tests.builders import a_job

TRACE_ID = "a" * 32


def draft(**changes: Any) -> PreparedJob:
    values = {"kind": "create_task", "parameters": {"type": "1", "unknown": "dropped"}}
    return prepare(Submission(**{**values, **changes}), TRACE_ID)


def test_parameters_are_those_that_were_understood() -> None:
    assert draft().job.parameters == {"type": 1}


def test_files_are_those_that_the_parameters_name() -> None:
    """Wherever in them; they are kept as long as the job is."""
    first, second = (f"{letter * 32}.csv" for letter in "ab")
    parameters = {
        "steps": {
            "one": {"kind": "data.analyze", "parameters": {"table": first}},
            "two": {"kind": "data.analyze", "parameters": {"table": second}},
        }
    }

    assert draft(kind="workflow", parameters=parameters).file_ids == (first, second)
    assert draft().file_ids == ()


def test_job_of_a_trace_belongs_to_it() -> None:
    assert draft().job.trace_id == TRACE_ID


def test_delay_is_counted_from_now() -> None:
    job = draft(delay_seconds=90).job

    assert job.run_at
    assert 80 < (job.run_at - datetime.now(UTC)).total_seconds() <= 90


def test_job_is_never_due_too_early() -> None:
    job = a_job(run_at=datetime.now(UTC) + timedelta(seconds=10.5))

    assert delay_seconds(job) == 11


@pytest.mark.parametrize("run_at", [None, datetime(2020, 1, 1, tzinfo=UTC)])
def test_job_that_is_due_is_not_delayed(run_at: datetime | None) -> None:
    job = draft(run_at=run_at).job

    assert job.run_at is None
    assert delay_seconds(job) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"delay_seconds": -1},
        {"delay_seconds": MAX_DELAY_SECONDS + 1},
        {"run_at": datetime(2030, 1, 1)},
        {"run_at": datetime(2300, 1, 1, tzinfo=UTC)},
        {"run_at": datetime(2030, 1, 1, tzinfo=UTC), "delay_seconds": 1},
    ],
)
def test_time_that_cannot_be_meant_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        draft(**changes)


def test_child_knows_its_parent_and_the_first_of_its_line() -> None:
    child = draft(parent=a_job(id="parent", root_id="first")).job
    grandchild = draft(parent=a_job(id="first")).job

    assert (child.parent_id, child.root_id) == ("parent", "first")
    assert (grandchild.parent_id, grandchild.root_id) == ("first", "first")


def test_client_may_say_what_counts_as_the_same_job() -> None:
    found = draft(deduplication_key="nightly")

    assert found.unique_key == "create_task:key:nightly"
    assert found.unique_seconds == DEDUPLICATION_SECONDS


def test_jobs_are_not_compared_unless_that_is_asked_for() -> None:
    assert draft().unique_key == ""
