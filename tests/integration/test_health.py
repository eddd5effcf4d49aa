"""Probes, and the parts that nobody sees until they are missing."""

from redis import Redis

from project.config import Settings
from project.server.tasks import celery
from tests.integration.client import Client

ANSWER_SECONDS = 60


def test_ready_web_says_that_all_parts_are_there(browser: Client) -> None:
    answer = browser.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "parts": {"redis": "ok", "broker": "ok"}}


def test_living_web_says_so(browser: Client) -> None:
    assert browser.get("/healthz").json() == {"status": "ok"}


def test_scheduler_has_written_its_schedule(redis: "Redis") -> None:
    assert redis.exists("redbeat:files.sweep")


def test_scheduled_sweep_can_be_run(settings: Settings) -> None:
    """It removes what is older than anything that a test has made."""
    result = celery.tasks["files.sweep"].delay().get(timeout=ANSWER_SECONDS)

    assert set(result) == {"removed"}
