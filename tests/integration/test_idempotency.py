"""`Idempotency-Key`: a request that is repeated makes no second job."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from project.ledger import Ledger
from tests.builders import a_job
from tests.integration.client import Client

HEADER = "Idempotency-Key"


def post(browser: Client, key: str, number: int = 0, **more: Any) -> tuple[int, str]:
    """The status, and the job's id or what is wrong."""
    body = {"kind": "create_task", "parameters": {"type": number}, **more}
    answer = browser.post("/api/v1/jobs", json=body, headers={HEADER: key})
    return answer.status_code, str(answer.json().get("id") or answer.json()["detail"])


def test_same_key_and_job_is_the_same_job(browser: Client) -> None:
    key = uuid4().hex

    first, second = post(browser, key), post(browser, key)

    assert first == second
    assert first[0] == 202


def test_same_key_at_the_same_time_is_one_job_that_runs_once(browser: Client) -> None:
    key = uuid4().hex

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: post(browser, key), range(16)))

    ((status, job_id),) = answers
    assert status == 202
    assert browser.await_status(job_id, "succeeded")["attempt"] == 1


def test_same_key_for_another_job_is_refused(browser: Client) -> None:
    key = uuid4().hex
    post(browser, key)

    assert post(browser, key, number=1)[0] == 409


@pytest.mark.parametrize(
    "more",
    [{"delay_seconds": 3600}, {"run_at": "2031-05-04T12:00:00Z"}, {"deduplication_key": "z"}],
)
def test_same_key_for_another_time_or_deduplication_is_refused(
    browser: Client, more: dict[str, Any]
) -> None:
    key = uuid4().hex
    post(browser, key)

    assert post(browser, key, **more)[0] == 409


def test_same_key_and_delay_is_the_same_job_when_it_has_run(browser: Client) -> None:
    key = uuid4().hex
    first = post(browser, key, delay_seconds=1)
    browser.await_status(first[1], "succeeded")

    assert post(browser, key, delay_seconds=1) == first


def test_other_key_is_another_job(browser: Client) -> None:
    assert post(browser, uuid4().hex)[1] != post(browser, uuid4().hex)[1]


def test_key_counts_per_browser(browser: Client) -> None:
    key = uuid4().hex

    other = Client(browser.url).open_page()

    assert post(browser, key)[1] != post(other, key)[1]


def test_key_may_try_again_after_a_job_that_could_not_be_handed_over(
    browser: Client, ledger: Ledger, redis: "Redis"
) -> None:
    key = uuid4().hex
    job_id = post(browser, key)[1]
    browser.await_status(job_id, "succeeded")
    redis.delete(f"job:{job_id}")
    ledger.admissions.record(a_job(id=job_id, owner=browser.owner))
    ledger.admissions.withdraw(ledger.get(job_id))

    status, again = post(browser, key)

    assert status == 202
    assert again != job_id
    browser.await_status(again, "succeeded")


def test_key_with_odd_characters_is_refused(browser: Client) -> None:
    assert post(browser, "two words")[0] == 400
