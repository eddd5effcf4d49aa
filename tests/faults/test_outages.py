"""RabbitMQ, Redis or a worker really goes away: no client is lied to, and no job is lost."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from project.ledger import Status
from tests.faults.stack import Stack
from tests.integration.client import Client
from tests.waiting import wait_until

# About two seconds are promised; a slow machine gets more, a hanging answer none.
ANSWER_SECONDS = 10
END_SECONDS = 90
SLEEPS_TEN_SECONDS = 1


def answer_in_time(ask: Callable[[], Any]) -> Any:
    """The answer, which must not take long."""
    asked_at = time.monotonic()
    answer = ask()
    assert time.monotonic() - asked_at < ANSWER_SECONDS
    return answer


def submit_in_vain(browser: Client, part: str) -> None:
    """Submits are answered in time, with 503 and when to come again."""
    for _ in range(3):
        answer = answer_in_time(lambda: browser.post("/tasks", json={"type": 0}))

        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["detail"].startswith(part)
    ready = answer_in_time(lambda: browser.get("/readyz"))
    assert ready.status_code == 503


def assert_only_this_ran(stack: Stack, browser: Client, known: set[str]) -> None:
    """Of the browser's new jobs, the one that is submitted now runs, and none of those before."""
    task_id = browser.start_task(0)
    browser.await_status(task_id, "succeeded", seconds=END_SECONDS)
    refused = [
        job
        for job in stack.ledger.list_owned(browser.owner, limit=200)
        if job.id not in known | {task_id}
    ]
    assert all(job.attempt == 0 for job in refused)
    assert not any(job.status is Status.SUCCEEDED for job in refused)


def known_jobs(browser: Client) -> set[str]:
    return {job["id"] for job in browser.get("/api/v1/jobs?limit=200").json()["jobs"]}


def test_stopped_broker_is_a_503_and_the_job_does_not_run_later(
    stack: Stack, browser: Client
) -> None:
    known = known_jobs(browser)

    with stack.without("rabbitmq"):
        submit_in_vain(browser, "RabbitMQ")

    assert_only_this_ran(stack, browser, known)


def test_hanging_broker_is_a_503_and_the_job_does_not_run_later(
    stack: Stack, browser: Client
) -> None:
    """Here the message is in the broker's socket: it gets through after all."""
    known = known_jobs(browser)

    with stack.frozen("rabbitmq"):
        submit_in_vain(browser, "RabbitMQ")

    assert_only_this_ran(stack, browser, known)


@pytest.mark.parametrize("trouble", ["without", "frozen"])
def test_redis_that_is_away_is_a_503(stack: Stack, browser: Client, trouble: str) -> None:
    known = known_jobs(browser)

    with getattr(stack, trouble)("redis"):
        submit_in_vain(browser, "Redis")

    assert_only_this_ran(stack, browser, known)


def test_waiting_jobs_survive_a_restart_of_the_broker(stack: Stack, browser: Client) -> None:
    with stack.pool_frozen("worker-short"):
        ids = [browser.start_task(0) for _ in range(5)]
        with stack.without("rabbitmq"):
            pass

    for task_id in ids:
        browser.await_status(task_id, "succeeded", seconds=END_SECONDS)


def test_running_job_survives_a_restart_of_redis(stack: Stack, browser: Client) -> None:
    task_id = browser.start_task(SLEEPS_TEN_SECONDS)
    browser.await_status(task_id, "running")

    with stack.without("redis"):
        pass

    job = browser.await_status(task_id, "succeeded", seconds=END_SECONDS)
    assert job["attempt"] == 1


def test_running_job_survives_a_restart_of_the_broker(stack: Stack, browser: Client) -> None:
    task_id = browser.start_task(SLEEPS_TEN_SECONDS)
    browser.await_status(task_id, "running")

    with stack.without("rabbitmq"):
        pass

    browser.await_status(task_id, "succeeded", seconds=END_SECONDS)


def test_job_of_a_killed_worker_is_run_again_and_succeeds(stack: Stack, browser: Client) -> None:
    task_id = browser.start_task(SLEEPS_TEN_SECONDS)
    browser.await_status(task_id, "running")

    stack.kill("worker-short")

    job = browser.await_status(task_id, "succeeded", seconds=END_SECONDS)
    assert job["attempt"] == 2


def test_full_redis_is_a_503_and_loses_no_waiting_job(stack: Stack, browser: Client) -> None:
    with stack.pool_frozen("worker-short"):
        ids = [browser.start_task(0) for _ in range(5)]
        known = known_jobs(browser)
        stack.redis.config_set("maxmemory", "1")
    try:
        # The workers have asked for the jobs, and were refused.
        refused = _refusals(stack)
        wait_until(lambda: _refusals(stack) > refused + 10, END_SECONDS, "claims to be refused")
        answer = answer_in_time(lambda: browser.post("/tasks", json={"type": 0}))
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("Redis")
    finally:
        stack.redis.config_set("maxmemory", "0")

    for task_id in ids:
        browser.await_status(task_id, "succeeded", seconds=END_SECONDS)
    assert_only_this_ran(stack, browser, known)


def _refusals(stack: Stack) -> int:
    """How often Redis has refused a command because its memory is full."""
    statistics = stack.redis.info("errorstats")
    return int(statistics.get("errorstat_OOM", {"count": 0})["count"])
