"""The logs of jobs on a real Redis: a line is kept once, in order, and as long as its job."""

from collections.abc import Iterator

import pytest
from redis import Redis

from project.errors import InvalidInputError
from project.ledger import Ledger, Status
from project.ledger.job_log import JobLog
from project.ledger.log_line import LogLine, encode_line
from project.live.events import log_channel
from tests.builders import a_job

KEPT_LINES = 1000


@pytest.fixture
def log(redis: "Redis") -> JobLog:
    return JobLog(redis)


@pytest.fixture
def job_id(ledger: Ledger) -> Iterator[str]:
    """A job of the ledger, which nobody runs."""
    job = ledger.admissions.record(a_job()).job
    yield job.id
    ledger.admissions.withdraw(job)


def lines_of(attempt: int, *numbers: int) -> list[tuple[str, str]]:
    """Lines as they are sent."""
    lines = [
        LogLine(attempt=attempt, number=number, time="", level="info", message=f"line {number}")
        for number in numbers
    ]
    return [(line.place, encode_line(line)) for line in lines]


def places(lines: list[LogLine]) -> list[str]:
    return [line.place for line in lines]


def test_lines_are_read_as_they_were_written(log: JobLog, job_id: str) -> None:
    log.append(job_id, lines_of(1, 1, 2), KEPT_LINES)
    log.append(job_id, lines_of(2, 1), KEPT_LINES)

    lines = log.read(job_id)

    assert places(lines) == ["1-1", "1-2", "2-1"]
    assert [line.message for line in lines] == ["line 1", "line 2", "line 1"]


def test_batch_that_is_sent_twice_is_there_once(log: JobLog, job_id: str) -> None:
    """The first answer may have been lost with its connection."""
    log.append(job_id, lines_of(1, 1, 2), KEPT_LINES)
    log.append(job_id, lines_of(1, 1, 2, 3), KEPT_LINES)

    assert places(log.read(job_id)) == ["1-1", "1-2", "1-3"]


def test_attempt_that_is_over_cannot_log_behind_a_later_one(log: JobLog, job_id: str) -> None:
    log.append(job_id, lines_of(2, 1), KEPT_LINES)
    log.append(job_id, lines_of(1, 9), KEPT_LINES)

    assert places(log.read(job_id)) == ["2-1"]


def test_log_is_read_from_any_line_on(log: JobLog, job_id: str) -> None:
    log.append(job_id, lines_of(1, *range(1, 10)), KEPT_LINES)

    assert places(log.read(job_id, "1-7")) == ["1-8", "1-9"]
    assert places(log.read(job_id, limit=2)) == ["1-1", "1-2"]
    assert log.read(job_id, "1-9") == []
    assert log.find_start(job_id, 2) == "1-7"
    assert log.find_start(job_id, 9) == ""
    with pytest.raises(InvalidInputError):
        log.read(job_id, "nonsense")


def test_newest_lines_are_kept_and_the_others_counted(log: JobLog, job_id: str) -> None:
    for start in range(1, 3000, 500):
        log.append(job_id, lines_of(1, *range(start, start + 500)), 100)

    lines = log.read(job_id)

    assert 100 <= len(lines) <= 200
    assert lines[-1].number == 3000
    assert lines[0].missing == 3000 - len(lines)


def test_readers_hear_of_the_newest_line(log: JobLog, job_id: str, redis: "Redis") -> None:
    """And of no word in it."""
    pubsub = redis.pubsub()
    pubsub.subscribe(log_channel(job_id))
    assert pubsub.get_message(timeout=10)["type"] == "subscribe"

    log.append(job_id, lines_of(1, 1, 2), KEPT_LINES)

    assert pubsub.get_message(timeout=10)["data"] == "1-2"
    pubsub.close()


def test_job_without_a_record_has_no_log(log: JobLog, redis: "Redis") -> None:
    log.append("nobody", lines_of(1, 1), KEPT_LINES)

    assert not redis.exists("log:nobody")
    assert log.read("nobody") == []


def test_log_of_an_ended_job_expires_with_it_however_late_a_line_comes(
    log: JobLog, ledger: Ledger, redis: "Redis"
) -> None:
    job = ledger.admissions.record(a_job()).job
    log.append(job.id, lines_of(1, 1), KEPT_LINES)
    assert redis.ttl(f"log:{job.id}") == -1

    finished = ledger.cancel(job.id)
    ends_at = redis.pexpiretime(f"log:{job.id}")
    log.append(job.id, lines_of(1, 2), KEPT_LINES)

    assert finished.status is Status.CANCELLED
    assert finished.has_log
    assert finished.expires_at
    assert ends_at == redis.pexpiretime(f"log:{job.id}") == finished.expires_at.timestamp() * 1000
