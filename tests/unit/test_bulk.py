"""Many jobs in one request: an answer for each, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from project.api.submissions import BulkAnswer
from project.errors import JobsError, QueueFullError, UnavailableError
from project.ledger import Job
from project.submission.preparation import Submission
from tests.builders import a_job
from tests.unit.conftest import ClientMaker

GOOD = {"kind": "create_task", "parameters": {"type": 0}}
PATH = "/api/v1/jobs/bulk"


@dataclass
class Desk:
    """Stands in for the submitter: takes every job, or answers these."""

    answers: list[Job | JobsError] = field(default_factory=list)
    taken: list[Submission] = field(default_factory=list)

    def submit_many(self, submissions: Sequence[Submission], _trace: Any) -> list[Job | JobsError]:
        self.taken += submissions
        return self.answers or [a_job() for _ in submissions]


def test_each_job_is_answered_in_its_place(make_client: ClientMaker) -> None:
    desk = Desk()
    wrong = {"kind": "create_task", "paramters": {}}

    answer = make_client(submitter=desk).post(PATH, json={"jobs": [GOOD, wrong, GOOD, 7]})

    assert answer.status_code == 207
    assert answer.json is not None
    first, second, third, fourth = answer.json["jobs"]
    assert first["location"] == f"/api/v1/jobs/{first['id']}"
    assert [item["status"] for item in (first, second, third, fourth)] == [202, 400, 202, 400]
    assert second["problem"]["field"] == "paramters"
    assert fourth["problem"]["status"] == 400
    assert len(desk.taken) == 2
    assert BulkAnswer.model_validate(answer.json).model_dump(exclude_unset=True) == answer.json


def test_kind_of_the_scheduler_is_not_offered(make_client: ClientMaker) -> None:
    answer = make_client(submitter=Desk()).post(PATH, json={"jobs": [{"kind": "files.sweep"}]})

    assert answer.json is not None
    assert answer.json["jobs"][0]["problem"]["status"] == 404


def test_refusal_of_one_is_told_with_its_own_status(make_client: ClientMaker) -> None:
    job = a_job()
    desk = Desk([QueueFullError("short", 100_000), job, UnavailableError("RabbitMQ")])

    answer = make_client(submitter=desk).post(PATH, json={"jobs": [GOOD] * 3})

    assert answer.status_code == 207
    assert answer.json is not None
    full, taken, away = answer.json["jobs"]
    assert full["status"] == 429
    assert full["problem"]["depth"] == full["problem"]["limit"] == 100_000
    assert taken == {"status": 202, "id": job.id, "location": f"/api/v1/jobs/{job.id}"}
    assert away["status"] == 503


def test_whole_call_may_be_tried_again_where_nothing_was_accepted(make_client: ClientMaker) -> None:
    desk = Desk([UnavailableError("RabbitMQ"), QueueFullError("short", 9)])

    answer = make_client(submitter=desk).post(PATH, json={"jobs": [GOOD] * 2})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "jobs"),
        ({"jobs": []}, "jobs"),
        ({"jobs": {}}, "jobs"),
        ({"jobs": [GOOD] * 10_001}, "jobs"),
        ({"jobs": [GOOD], "more": 1}, "more"),
    ],
)
def test_wrong_body_is_a_400_as_a_whole(
    body: dict[str, Any], field: str, make_client: ClientMaker
) -> None:
    desk = Desk()

    answer = make_client(submitter=desk).post(PATH, json=body)

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == field
    assert desk.taken == []


def test_ten_thousand_jobs_are_one_call(make_client: ClientMaker) -> None:
    answer = make_client(submitter=Desk()).post(PATH, json={"jobs": [GOOD] * 10_000})

    assert answer.status_code == 207
    assert answer.json is not None
    assert len(answer.json["jobs"]) == 10_000
