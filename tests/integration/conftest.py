"""The stack that these tests run beside, given by the JOBS_* environment. Nothing is patched.

A stack that is not there, or of which a part is missing, fails every test with one sentence.
"""

import os
from collections.abc import Iterator

import pytest
import requests
from redis import Redis, RedisError

from project.config import Settings
from project.ledger import Ledger
from tests.integration.client import Client
from tests.integration.logbook import LogBook
from tests.integration.management import Management

HOW_TO_RUN = "python -m deploy.native exec -- pytest tests/integration"
PROBE_SECONDS = 10


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The stack's settings; the stack is complete."""
    if "JOBS_PUBLIC_URL" not in os.environ:
        _give_up(f"There is no stack: run these tests with `{HOW_TO_RUN}`.")
    settings = Settings()
    missing = _find_missing(settings)
    if missing:
        _give_up(f"The stack at {settings.public_url} is not complete: {missing}")
    return settings


def _find_missing(settings: Settings) -> str:
    """What is missing, in one sentence; empty where nothing is."""
    try:
        answer = requests.get(f"{settings.public_url}/readyz", timeout=PROBE_SECONDS)
    except requests.RequestException:
        return "the web server does not answer."
    if answer.status_code != 200:
        return f"the web server says {answer.text.strip()}."
    try:
        with Redis.from_url(settings.redis_url, decode_responses=True) as redis:
            workers = {key.split(":")[1] for key in redis.scan_iter("worker:*")}
    except RedisError:
        return "Redis does not answer."
    absent = {queue.role for queue in settings.job_queues.values()} - workers
    return f"there is no {' and no '.join(sorted(absent))}." if absent else ""


def _give_up(sentence: str) -> None:
    pytest.fail(sentence, pytrace=False)


@pytest.fixture(scope="session")
def redis(settings: Settings) -> Iterator["Redis"]:
    """The stack's Redis."""
    with Redis.from_url(settings.redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture(scope="session")
def ledger(settings: Settings, redis: "Redis") -> Ledger:
    """The stack's ledger."""
    return Ledger(redis, settings.retention_seconds)


@pytest.fixture(scope="session")
def monitor(settings: Settings) -> Management:
    """RabbitMQ's management API, as the monitoring user."""
    return Management.as_monitor(settings)


@pytest.fixture(scope="session")
def log(settings: Settings) -> LogBook:
    """The stack's log lines."""
    return LogBook(settings.log_dir)


@pytest.fixture
def browser(settings: Settings) -> Iterator[Client]:
    """A browser that has opened the page, with an id of its own; its jobs end with the test."""
    browser = Client(settings.public_url).open_page()
    yield browser
    browser.cancel_jobs()
