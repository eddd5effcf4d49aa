"""The tutorial's three kinds of tests of `create_task`: run directly, and behind a stand-in.

The third, through the whole stack, is tests/integration/test_tutorial_contract.py.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from project.ledger import Job, Status
from project.ledger.job import JobError
from project.server.tasks import create_task
from project.submission.preparation import Submission
from tests.builders import a_job
from tests.unit.conftest import ClientMaker


@dataclass
class Desk:
    """Stands in for the submitter: notes what the route hands over."""

    given: list[tuple[Any, ...]] = field(default_factory=list)

    def submit(self, submission: Submission, trace: Any) -> Job:
        asked = submission
        self.given.append((asked.kind, asked.parameters, trace.trace_id, asked.owner))
        return a_job(id="the-id", status=Status.QUEUED)


@dataclass
class Archive:
    """Stands in for the ledger: knows one job."""

    job: Job

    def get(self, job_id: str) -> Job:
        assert job_id == self.job.id
        return self.job


def test_task_runs_in_this_process() -> None:
    """`create_task.run(1)` would take ten seconds; how long it sleeps is in test_create_task."""
    assert create_task.run(0) is True


def test_task_can_be_called_like_a_function() -> None:
    assert create_task(0) is True
    assert create_task(type=0) is True


def test_task_can_be_applied_in_this_process() -> None:
    """As Celery's `task_always_eager` does it: without a broker, and without a ledger."""
    assert create_task.apply(args=[0]).get() is True


def test_post_hands_the_kind_and_the_type_over(make_client: ClientMaker) -> None:
    desk = Desk()
    client = make_client(submitter=desk)
    client.get("/")
    cookie = client.get_cookie("browser")
    assert cookie is not None

    answer = client.post(
        "/tasks", json={"type": 3}, headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    )

    assert answer.status_code == 202
    assert answer.json == {"task_id": "the-id"}
    assert desk.given == [("create_task", {"type": 3}, "a" * 32, cookie.value)]


def test_post_hands_nothing_else_of_the_body_over(make_client: ClientMaker) -> None:
    desk = Desk()

    make_client(submitter=desk).post("/tasks", json={"type": 1, "owner": "eve", "kind": "x"})

    assert [given[:2] for given in desk.given] == [("create_task", {"type": 1})]


@pytest.mark.parametrize(
    ("job", "answered"),
    [
        (a_job(id="j"), ("PENDING", None)),
        (a_job(id="j", status=Status.RUNNING), ("PENDING", None)),
        (a_job(id="j", status=Status.SUCCEEDED, result=True), ("SUCCESS", True)),
        (a_job(id="j", status=Status.FAILED, error=JobError("E", "no")), ("FAILURE", "no")),
    ],
)
def test_get_answers_exactly_the_tutorials_three_fields(
    job: Job, answered: tuple[str, Any], make_client: ClientMaker
) -> None:
    answer = make_client(ledger=Archive(job)).get("/tasks/j")

    assert answer.status_code == 200
    assert answer.json == {"task_id": "j", "task_status": answered[0], "task_result": answered[1]}
