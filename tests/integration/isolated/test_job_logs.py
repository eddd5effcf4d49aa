"""What a job's code logs is its own log: complete, in order, and never the job's trouble."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.waiting import wait_until

END_SECONDS = 60
FOUR_WAYS = ["talk_began", "By logging: {}", "By print: {}", "On stderr: {}"]


@pytest.fixture
def word() -> str:
    """A word that no other test uses."""
    return uuid4().hex


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """While this file is there, a job that was given its name goes on."""
    path = tmp_path / "hold"
    path.touch()
    return path


def talk(browser: Client, word: str, **parameters: Any) -> str:
    """The id of a job that logs."""
    return str(browser.submit("isolated.talk", {"word": word, **parameters})["id"])


def read_log(browser: Client, job_id: str, **query: Any) -> list[dict[str, Any]]:
    """All lines of the job's log, page by page."""
    lines: list[dict[str, Any]] = []
    while True:
        answer = browser.get(f"/api/v1/jobs/{job_id}/log", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        lines += page["lines"]
        if page["next"] is None:
            return lines
        query["after"] = page["next"]


def messages_of(lines: list[dict[str, Any]]) -> list[str]:
    return [line["message"] for line in lines]


def the_four_ways(word: str) -> list[str]:
    return [message.format(word) for message in FOUR_WAYS]


def numbers_of(lines: list[dict[str, Any]]) -> list[int]:
    """The numbers of the numbered lines."""
    return [line["fields"]["number"] for line in lines if line["message"] == "talk_went_on"]


def test_all_ways_of_logging_arrive_in_order_before_the_outcome(browser: Client, word: str) -> None:
    job_id = talk(browser, word, lines=3)
    job = browser.await_status(job_id, "succeeded")

    lines = read_log(browser, job_id)

    assert job["has_log"]
    assert messages_of(lines) == [*the_four_ways(word), *["talk_went_on"] * 3, "The end"]
    assert [line["level"] for line in lines[:4]] == ["info", "warning", "info", "warning"]
    assert [line["logger"] for line in lines[:3]] == [None, "isolated.talk", "jobs.print"]
    assert lines[0]["fields"] == {"word": word, "sizes": [1, 2]}
    assert {line["attempt"] for line in lines} == {1}
    assert {line["missing"] for line in lines} == {0}
    assert [line["id"] for line in lines] == [f"1-{number}" for number in range(1, 9)]
    times = [line["time"] for line in lines]
    assert times == sorted(times)


def test_lines_go_to_the_log_file_as_well(
    system: IsolatedSystem, browser: Client, word: str
) -> None:
    job_id = talk(browser, word)
    browser.await_status(job_id, "succeeded")

    found = [line for line in system.log.about(word) if job_id in str(line)]

    assert sorted(line["message"] for line in found) == sorted(the_four_ways(word))


def test_attempts_log_one_after_the_other(browser: Client, word: str) -> None:
    job_id = talk(browser, word, failures=1)
    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    lines = read_log(browser, job_id)

    said = the_four_ways(word)
    assert messages_of(lines) == [*said, "talk_broke_off", *said, "The end"]
    assert [line["attempt"] for line in lines] == [1] * 5 + [2] * 5
    error = lines[4]["error"]
    assert (error["type"], error["message"]) == ("TemporaryError", "Not yet.")
    assert error["traceback"].startswith("Traceback")
    assert lines[4]["level"] == "error"


def test_job_that_logs_nothing_has_an_empty_log(browser: Client) -> None:
    job_id = browser.start_task(0)
    job = browser.await_status(job_id, "succeeded")

    assert not job["has_log"]
    assert browser.get(f"/api/v1/jobs/{job_id}/log").json() == {"lines": [], "next": None}


def test_log_of_an_unknown_job_is_a_404(browser: Client) -> None:
    assert browser.get("/api/v1/jobs/nope/log").status_code == 404
    assert browser.get("/api/v1/jobs/nope/log?format=text").status_code == 404
    assert browser.get("/api/v1/jobs/nope/log/events").status_code == 404


def test_newest_lines_are_kept_and_the_first_one_tells_what_is_missing(
    system: IsolatedSystem, browser: Client, word: str
) -> None:
    wanted = 3 * system.direct.job_log_lines
    job_id = talk(browser, word, lines=wanted)
    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    lines = read_log(browser, job_id, limit=1000)

    kept = numbers_of(lines)
    assert kept[-1] == wanted
    assert system.direct.job_log_lines <= len(lines) <= system.direct.job_log_lines + 100
    assert len(lines) + sum(line["missing"] for line in lines) == wanted + 5
    assert kept == sorted(set(kept))


def test_log_goes_with_its_job(system: IsolatedSystem, browser: Client, word: str) -> None:
    job_id = talk(browser, word)
    browser.await_status(job_id, "succeeded")
    assert 0 < system.redis.ttl(f"log:{job_id}") <= system.direct.retention_seconds

    system.redis.hset(f"job:{job_id}", "expires_at", "1")
    system.redis.zadd("jobs:expiring", {job_id: 1})
    system.ledger.trim()

    assert not system.redis.exists(f"log:{job_id}")
    for path in ("", "/events"):
        assert browser.get(f"/api/v1/jobs/{job_id}/log{path}").status_code == 410


def test_stream_tells_the_lines_as_they_come_and_ends_with_the_job(
    browser: Client, word: str, hold: Path
) -> None:
    job_id = talk(browser, word, lines=5, hold=str(hold))

    with browser.listen(f"/api/v1/jobs/{job_id}/log/events") as stream:
        events = iter(stream)
        told = [next(events) for _ in range(9)]
        hold.unlink()
        told += events

    assert told[-1] == ("end", {"status": "succeeded"})
    assert [document for _, document in told[:-1]] == read_log(browser, job_id)


def test_broken_stream_goes_on_without_loss_or_repetition(
    browser: Client, word: str, hold: Path
) -> None:
    job_id = talk(browser, word, lines=50, hold=str(hold))
    path = f"/api/v1/jobs/{job_id}/log/events"
    with browser.listen(path) as stream:
        told = [document for _, document in (next(iter(stream)) for _ in range(20))]
    hold.unlink()

    browser.session.headers["Last-Event-ID"] = told[-1]["id"]
    with browser.listen(path) as stream:
        told += [document for name, document in stream if name == "line"]

    assert told == read_log(browser, job_id)


def test_stream_that_loses_redis_loses_no_line(
    system: IsolatedSystem, browser: Client, word: str, hold: Path
) -> None:
    job_id = talk(browser, word, hold=str(hold))

    with browser.listen(f"/api/v1/jobs/{job_id}/log/events") as stream:
        events = iter(stream)
        told = [next(events) for _ in range(4)]
        system.redis_proxy.cut()
        hold.unlink()
        told += events

    assert [document for _, document in told[:-1]] == read_log(browser, job_id)


def test_stream_begins_with_the_newest_lines_where_that_is_wanted(
    browser: Client, word: str
) -> None:
    job_id = talk(browser, word, lines=9)
    browser.await_status(job_id, "succeeded")

    with browser.listen(f"/api/v1/jobs/{job_id}/log/events?newest=3") as stream:
        told = list(stream)

    assert [document.get("id") for _, document in told] == ["1-12", "1-13", "1-14", None]


def test_log_is_text_for_people(browser: Client, word: str) -> None:
    job_id = talk(browser, word, failures=1)
    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    answer = browser.get(f"/api/v1/jobs/{job_id}/log?format=text")

    lines = answer.text.splitlines()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert lines[0].endswith(f"info    talk_began word={word} sizes=[1,2]")
    assert "--- attempt 2 ---" in lines
    assert lines[5] == "    Traceback (most recent call last):"
    assert answer.text.endswith("The end\n")


def test_lines_of_jobs_that_follow_each_other_are_not_mixed(browser: Client) -> None:
    words = [uuid4().hex for _ in range(12)]
    ids = {word: talk(browser, word, lines=20) for word in words}

    for word, job_id in ids.items():
        browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
        lines = read_log(browser, job_id)
        assert messages_of(lines)[:4] == the_four_ways(word)
        assert numbers_of(lines) == list(range(1, 21))


def test_lines_of_a_worker_that_is_killed_are_there(
    system: IsolatedSystem, browser: Client, word: str, hold: Path
) -> None:
    job_id = talk(browser, word, hold=str(hold))
    wait_until(lambda: len(read_log(browser, job_id)) == 4, END_SECONDS, "the first lines")

    system.kill_process("worker-short")
    hold.unlink()
    system.start_worker("worker-short")

    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
    lines = read_log(browser, job_id)
    assert [line["attempt"] for line in lines] == [1] * 4 + [2] * 5


@contextmanager
def redis_away(system: IsolatedSystem, how: str) -> Iterator[None]:
    """Nobody answers, or Redis hangs."""
    getattr(system.redis_proxy, how)()
    try:
        yield
    finally:
        system.redis_proxy.mend()


@pytest.mark.parametrize("how", ["refuse", "freeze"])
def test_outage_of_redis_hurts_no_job_that_logs(
    system: IsolatedSystem, browser: Client, word: str, hold: Path, how: str
) -> None:
    job_id = talk(browser, word, hold=str(hold))
    wait_until(lambda: len(system.job_log.read(job_id)) == 4, END_SECONDS, "the first lines")

    with redis_away(system, how):
        hold.unlink()
        system.log.await_event("job_log_not_written", job_id)

    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)
    assert (job["attempt"], job["error"]) == (1, None)
    lines = wait_until(
        lambda: [line for line in system.job_log.read(job_id) if line.message == "The end"],
        END_SECONDS,
        "the last line",
    )
    assert lines[0].missing == 0


def test_late_writer_leaves_no_log_without_a_job(system: IsolatedSystem) -> None:
    system.job_log.append("forgotten", [("1-1", '{"message": "late"}')], 10)

    assert not system.redis.exists("log:forgotten")
