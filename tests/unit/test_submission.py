"""Submitting: record, publish, await the confirm; what the caller is told is what happens."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from redis import ConnectionError as RedisConnectionError

from project.errors import (
    InvalidInputError,
    NotFoundError,
    TransitionError,
    UnavailableError,
    UnknownKindError,
)
from project.ledger import Job, Status
from project.submission import Submitter
from tests.builders import a_trace


@dataclass
class Backstage:
    """Stands in for ledger and publisher: notes the steps, and fails at those it was told to."""

    failures: dict[str, Exception] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    published: list[Job] = field(default_factory=list)

    def _take(self, step: str) -> None:
        self.steps.append(step)
        if step in self.failures:
            raise self.failures[step]

    def record(self, _job: Job) -> None:
        self._take("record")

    def publish(self, job: Job, _trace: Any, _timeout_seconds: float) -> None:
        self.published.append(job)
        self._take("publish")

    def confirm(self, job: Job) -> Job:
        self._take("confirm")
        return Job.from_record({**job.to_record(), "status": "queued"})

    def withdraw(self, _job: Job) -> None:
        self._take("withdraw")


def submit(stage: Backstage, kind: str = "create_task", values: Any = None, **more: Any) -> Job:
    submitter = Submitter(stage, stage, timeout_seconds=1)  # type: ignore[arg-type]
    parameters = {"type": 0} if values is None else values
    return submitter.submit(kind, parameters, trace=a_trace(), **more)


REDIS_DOWN = RedisConnectionError("no")
BROKER_DOWN = UnavailableError("RabbitMQ")


def test_job_is_recorded_then_published_then_confirmed() -> None:
    stage = Backstage()

    job = submit(stage)

    assert stage.steps == ["record", "publish", "confirm"]
    assert job.status is Status.QUEUED


@pytest.mark.parametrize(("number", "lane"), [(0, "short"), (1, "short"), (2, "long"), (3, "long")])
def test_job_is_published_into_its_lane(number: int, lane: str) -> None:
    stage = Backstage()

    submit(stage, values={"type": number})

    assert [(job.kind, job.lane) for job in stage.published] == [("create_task", lane)]


def test_job_belongs_to_who_asked_for_it() -> None:
    stage = Backstage()

    job = submit(stage, owner="o" * 22, job_id="chosen-before")

    assert (job.owner, job.id) == ("o" * 22, "chosen-before")


def test_parameters_are_published_as_they_were_understood() -> None:
    stage = Backstage()

    submit(stage, values={"type": "1", "unknown": "dropped"})

    assert stage.published[0].parameters == {"type": 1}


@pytest.mark.parametrize(
    ("kind", "values", "error"),
    [
        ("nope", {}, UnknownKindError),
        ("create_task", {"type": -1}, InvalidInputError),
        ("create_task", [], InvalidInputError),
    ],
)
def test_wrong_input_comes_to_nothing(kind: str, values: Any, error: type[Exception]) -> None:
    stage = Backstage()

    with pytest.raises(error):
        submit(stage, kind, values)

    assert stage.steps == []


def test_without_redis_nothing_is_published() -> None:
    stage = Backstage({"record": REDIS_DOWN})

    with pytest.raises(UnavailableError, match="Redis"):
        submit(stage)

    assert stage.published == []


def test_job_that_the_broker_did_not_confirm_is_withdrawn() -> None:
    stage = Backstage({"publish": BROKER_DOWN})

    with pytest.raises(UnavailableError, match="RabbitMQ"):
        submit(stage)

    assert stage.steps == ["record", "publish", "withdraw"]


@pytest.mark.parametrize("failure", [REDIS_DOWN, TransitionError("running already")])
def test_failed_withdrawal_does_not_hide_the_outage(failure: Exception) -> None:
    stage = Backstage({"publish": BROKER_DOWN, "withdraw": failure})

    with pytest.raises(UnavailableError, match="RabbitMQ"):
        submit(stage)


@pytest.mark.parametrize("failure", [REDIS_DOWN, NotFoundError("its record is lost")])
def test_job_that_the_broker_has_is_answered_even_where_its_record_is_not(
    failure: Exception,
) -> None:
    """It will run, and its record follows at the claim: to say otherwise would be a lie."""
    job = submit(Backstage({"confirm": failure}))

    assert job.status is Status.ACCEPTED
