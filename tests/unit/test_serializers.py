"""Values as the API's JSON, by their schemas."""

import json
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from project.api.dead_letters import DeadLetterQuery, RerunDeadLetters, serialize_dead_letter
from project.api.events import EventQuery
from project.api.jobs import Job as JobSchema
from project.api.jobs import JobQuery, serialize_job
from project.api.kinds import serialize_kind
from project.api.signups import serialize_signup
from project.api.tutorial import serialize_task
from project.api.values import make_filter
from project.jobs import KINDS
from project.ledger import Job, Progress, Status
from project.ledger.dead_letters import DeadLetter, DeadLetterFilter, DeathReason
from project.ledger.job import Attempt, AttemptOutcome, JobError
from project.ledger.listing import JobFilter
from project.signups import SignUp
from tests.builders import NOON, a_job

ERROR = JobError("PermanentError", "The picture is damaged.", "Traceback: /secret/path")


def a_job_that_is(status: Status) -> Job:
    """A job as it is recorded with that status."""
    error = ERROR if status in {Status.FAILED, Status.RETRYING, Status.CANCELLED} else None
    return a_job(status=status, result=True if status is Status.SUCCEEDED else None, error=error)


@pytest.mark.parametrize(
    ("status", "task_status", "result"),
    [
        (Status.ACCEPTED, "PENDING", None),
        (Status.QUEUED, "PENDING", None),
        (Status.SCHEDULED, "PENDING", None),
        (Status.RUNNING, "PENDING", None),
        (Status.RETRYING, "PENDING", None),
        (Status.WAITING, "PENDING", None),
        (Status.SUCCEEDED, "SUCCESS", True),
        (Status.FAILED, "FAILURE", "The picture is damaged."),
        (Status.CANCELLED, "REVOKED", "The picture is damaged."),
        (Status.DEAD, "FAILURE", None),
    ],
)
def test_tutorials_client_sees_each_status_in_its_words(
    status: Status, task_status: str, result: Any
) -> None:
    job = a_job_that_is(status)

    assert serialize_task(job) == {
        "task_id": job.id,
        "task_status": task_status,
        "task_result": result,
    }


def test_tutorials_words_are_celerys_and_no_others() -> None:
    words = {serialize_task(a_job_that_is(status))["task_status"] for status in Status}

    assert words == {"PENDING", "SUCCESS", "FAILURE", "REVOKED"}


def test_fresh_job_is_told_with_what_is_not_known_yet_as_null() -> None:
    job = a_job(submitted_at=NOON)

    assert serialize_job(job) == {
        "id": job.id,
        "kind": "create_task",
        "title": "Sleep",
        "queue": "short",
        "status": "accepted",
        "progress": None,
        "worker": None,
        "attempt": 0,
        "submitted_at": "2026-05-04T12:00:00.123456Z",
        "run_at": None,
        "available_at": None,
        "started_at": None,
        "finished_at": None,
        "expires_at": None,
        "cancel_requested_at": None,
        "is_internal": False,
        "has_log": False,
        "result": None,
        "error": None,
        "attempts": [],
        "key": None,
        "parent_id": None,
        "root_id": job.id,
        "rerun_of": None,
        "rerun_as": None,
        "trace_id": None,
        "trace_url": None,
        "version": 0,
    }


@pytest.mark.parametrize("status", list(Status))
def test_job_of_every_status_is_json(status: Status) -> None:
    assert json.loads(json.dumps(serialize_job(a_job_that_is(status))))["status"] == status.value


@pytest.mark.parametrize("status", Status)
def test_job_is_presented_as_its_document_says(status: Status) -> None:
    shown = serialize_job(a_job_that_is(status))

    assert list(shown) == list(JobSchema.model_fields)
    assert JobSchema.model_validate(shown).model_dump() == shown


@pytest.mark.parametrize(
    ("trace_id", "link", "url"),
    [
        ("e" * 32, "https://t.example/{trace_id}?a=1", f"https://t.example/{'e' * 32}?a=1"),
        ("e" * 32, "", None),
        ("", "https://t.example/{trace_id}", None),
    ],
)
def test_job_tells_where_its_trace_is_shown(trace_id: str, link: str, url: str | None) -> None:
    assert serialize_job(a_job(trace_id=trace_id), link)["trace_url"] == url


def test_running_job_tells_its_progress() -> None:
    job = a_job(status=Status.RUNNING, progress=Progress(3, 10, "Sleeping"))

    assert serialize_job(job)["progress"] == {"done": 3, "total": 10, "step": "Sleeping"}


def test_failed_job_tells_why_but_not_where_in_our_code() -> None:
    shown = serialize_job(a_job_that_is(Status.FAILED))

    assert shown["error"] == {"type": "PermanentError", "message": "The picture is damaged."}
    assert "Traceback" not in json.dumps(shown)


def test_parameters_and_owner_are_not_shown() -> None:
    job = a_job(parameters={"recipient": "ada@example.org"}, owner="o" * 22)

    shown = json.dumps(serialize_job(job))

    assert "ada@example.org" not in shown
    assert job.owner not in shown


def test_file_in_a_result_gets_its_link() -> None:
    file_id = "a" * 32 + ".webp"
    result = {"thumbnails": [{"width": 64, "file": file_id}], "file": "notes.txt"}

    shown = serialize_job(a_job(result=result))["result"]

    assert shown["thumbnails"] == [
        {"width": 64, "file": file_id, "url": f"/api/v1/files/{file_id}"}
    ]
    assert "url" not in shown


@pytest.mark.parametrize("result", [None, True, 0, "text", [], {}, {"file": 7}, [[{"file": None}]]])
def test_result_without_a_file_is_shown_as_it_is(result: Any) -> None:
    assert serialize_job(a_job(result=result))["result"] == result


def test_job_of_a_kind_that_is_gone_is_still_shown() -> None:
    assert serialize_job(a_job(kind="old.kind"))["title"] == "old.kind"


@pytest.mark.parametrize("name", sorted(KINDS))
def test_kind_tells_its_parameters(name: str) -> None:
    shown = serialize_kind(KINDS[name])

    assert shown["name"] == name
    assert json.loads(json.dumps(shown))["parameters"]["type"] == "object"


def test_signup_is_told_as_unconfirmed_until_it_is() -> None:
    signup = SignUp.begin("ada@example.org", "o" * 22)

    shown = serialize_signup(signup)

    assert shown["email"] == "ada@example.org"
    assert shown["confirmed_at"] is None
    assert signup.owner not in json.dumps(shown)


def test_every_attempt_is_told_with_how_long_it_waited_and_ran() -> None:
    lost = Attempt(
        number=1,
        outcome=AttemptOutcome.LOST,
        worker="a",
        available_at=NOON,
        started_at=NOON + timedelta(seconds=2),
        finished_at=NOON + timedelta(seconds=5),
        error=ERROR,
    )
    job = a_job(status=Status.RUNNING, attempt=2, worker="b", earlier_attempts=(lost,))

    first, second = serialize_job(job)["attempts"]

    assert (first["wait_seconds"], first["run_seconds"]) == (2, 3)
    assert first["error"] == {"type": "PermanentError", "message": "The picture is damaged."}
    assert (second["number"], second["outcome"], second["worker"]) == (2, "running", "b")
    assert second["finished_at"] is None


@pytest.mark.parametrize(
    ("body", "shown"), [(b'[[], {"type": 1}, {}]', [[], {"type": 1}, {}]), (b"\xff\x00", "/wA=")]
)
def test_dead_letter_shows_its_message_but_not_whose_it_was(body: bytes, shown: Any) -> None:
    """Who knows a browser's id passes for that browser."""
    letter = DeadLetter(
        id="x",
        reason=DeathReason.UNDECODABLE,
        detail="It is no JSON.",
        died_at=NOON,
        headers={"task": "create_task", "owner": "o" * 22},
        body=body,
        content_type="application/json",
    )

    told = serialize_dead_letter(letter, None)

    assert told["message"]["body"] == shown
    assert told["message"]["headers"] == {"task": "create_task"}
    assert (told["kind"], told["queue"], told["job"]) == (None, None, None)
    assert "o" * 22 not in json.dumps(told)


@pytest.mark.parametrize(
    ("query", "kind", "is_no_filter"),
    [
        (JobQuery, JobFilter, {"owner", "cursor", "limit"}),
        (EventQuery, JobFilter, {"scope"}),
        (DeadLetterQuery, DeadLetterFilter, {"cursor", "limit"}),
        (RerunDeadLetters, DeadLetterFilter, {"ids", "rate_per_second"}),
    ],
)
def test_each_filter_that_a_client_may_name_is_the_ledgers(
    query: type[BaseModel], kind: type[Any], is_no_filter: set[str]
) -> None:
    """One that the ledger does not have would let all pass, and say nothing."""
    filters = query.model_fields.keys() - is_no_filter

    assert filters <= {field.name for field in fields(kind)}


def test_filter_has_what_the_query_has() -> None:
    query = JobQuery.model_validate(
        {"status": ["failed", "dead"], "submitted_after": NOON.isoformat()}
    )

    assert make_filter(JobFilter, query) == JobFilter(
        status=frozenset({"failed", "dead"}), submitted_after=NOON
    )


@pytest.mark.parametrize(
    ("changes", "is_listed"),
    [
        ({}, True),
        ({"status": {"running", "failed"}, "kind": {"create_task"}, "queue": {"short"}}, True),
        ({"status": {"failed"}}, False),
        ({"kind": {"email.send"}}, False),
        ({"queue": {"long"}}, False),
        ({"submitted_after": NOON - timedelta(seconds=1)}, True),
        ({"submitted_after": NOON}, False),
        ({"submitted_before": NOON + timedelta(seconds=1)}, True),
        ({"submitted_before": NOON}, False),
    ],
)
def test_filter_judges_a_job_as_the_list_does(changes: dict[str, Any], is_listed: bool) -> None:
    sets = {name: frozenset(value) for name, value in changes.items() if isinstance(value, set)}
    job = a_job(status=Status.RUNNING, kind="create_task", queue="short", submitted_at=NOON)

    assert JobFilter(**changes | sets).lets_through(job) is is_listed
