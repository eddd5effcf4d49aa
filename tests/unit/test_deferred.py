"""An outcome that waits for the next step is neither lost nor told before it is written."""

from collections import deque
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from project.errors import TransitionError
from project.ledger import Job, Ledger, Status
from project.ledger.record import encode_job
from tests.builders import a_job


class Connection:
    """Answers what it was given to answer; an exception among that is raised."""

    def __init__(self) -> None:
        self.retry = self
        self.is_connected = True
        self.answers: deque[Any] = deque()
        self.sent: list[int] = []

    def call_with_retry(self, do: Any, _fail: Any) -> Any:
        return do()

    def send_packed_command(self, pieces: list[bytes]) -> None:
        self.sent.append(b"".join(pieces).count(b"EVALSHA"))

    def read_response(self) -> Any:
        answer = self.answers.popleft()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def disconnect(self) -> None:
        pass


class FakeRedis:
    """As much of a Redis client as a step needs."""

    def __init__(self) -> None:
        self.connection = Connection()
        self.connection_pool = self
        self.sha = "0" * 40

    def register_script(self, _text: str) -> "FakeRedis":
        return self

    def get_connection(self) -> Connection:
        return self.connection

    def release(self, _connection: Connection) -> None:
        pass


@pytest.fixture
def told() -> list[Any]:
    return []


@pytest.fixture
def redis() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def ledger(redis: FakeRedis, told: list[Any]) -> Ledger:
    return Ledger(redis, 60)  # type: ignore[arg-type]


def running(**changes: Any) -> Job:
    return a_job(status=Status.RUNNING, attempt=1, **changes)


def succeed(ledger: Ledger, job: Job, told: list[Any]) -> None:
    ledger.attempts.succeed_later(job, '{"status": "SUCCESS"}', 1, told.append)


def test_outcome_waits_until_it_is_sent(ledger: Ledger, redis: FakeRedis, told: list[Any]) -> None:
    job = running()
    succeed(ledger, job, told)
    ledger.steps.when_written(lambda: told.append("written"))
    assert ledger.steps.has_deferred
    assert not redis.connection.sent
    assert not told

    redis.connection.answers.append([["moved", "7"]])
    ledger.steps.flush()

    finished, written = told
    assert (finished.id, finished.status, finished.result) == (job.id, Status.SUCCEEDED, 1)
    assert written == "written"
    assert not ledger.steps.has_deferred
    ledger.steps.when_written(lambda: told.append("at once"))
    assert told[-1] == "at once"


def test_outcome_and_next_claim_are_one_call(
    ledger: Ledger, redis: FakeRedis, told: list[Any]
) -> None:
    succeed(ledger, running(), told)
    redis.connection.answers.append([["moved", "7"], ["begun", "8"]])

    claimed = ledger.attempts.claim(a_job(), "short@here", "here:1:1")

    assert redis.connection.sent == [1]
    assert (claimed.attempt, claimed.version) == (1, 8)


def test_refused_outcome_is_told_as_such(ledger: Ledger, redis: FakeRedis, told: list[Any]) -> None:
    succeed(ledger, running(), told)
    redis.connection.answers.append([["refused", "cancelled"]])

    ledger.steps.flush()

    assert isinstance(told[0], TransitionError)


def test_claim_that_is_interrupted_loses_no_outcome(
    ledger: Ledger, redis: FakeRedis, told: list[Any]
) -> None:
    succeed(ledger, running(), told)
    redis.connection.answers.append(SoftTimeLimitExceeded())

    with pytest.raises(SoftTimeLimitExceeded):
        ledger.attempts.claim(a_job(), "short@here", "here:1:1")

    assert ledger.steps.has_deferred
    assert not told
    redis.connection.answers.append([["moved", "7"]])
    ledger.steps.flush()
    assert told[0].status is Status.SUCCEEDED


def test_parent_that_goes_on_is_released_once_its_child_is_written(
    redis: FakeRedis, told: list[Any]
) -> None:
    parent = a_job(status=Status.QUEUED)
    ledger = Ledger(redis, 60, on_release=told.append)  # type: ignore[arg-type]
    succeed(ledger, running(parent_id=parent.id), told)
    record = [text for field in encode_job(parent).items() for text in field]
    redis.connection.answers.append([["moved", "7", record]])

    ledger.steps.flush()

    assert [job.status for job in told] == [Status.SUCCEEDED, Status.QUEUED]
    assert told[1] == parent
