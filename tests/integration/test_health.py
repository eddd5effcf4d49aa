"""Probes, and the parts that nobody sees until they are missing."""

import os
import subprocess
import sys

from redis import Redis

from project.config import Settings
from project.server.tasks import celery
from tests.integration.client import Client

ANSWER_SECONDS = 60


def test_ready_web_says_that_all_dependencies_answer(browser: Client) -> None:
    answer = browser.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "dependencies": {"redis": "ok", "broker": "ok"}}


def test_living_web_says_so(browser: Client) -> None:
    assert browser.get("/healthz").json() == {"status": "ok"}


def test_scheduler_is_found_healthy_while_it_goes_round(settings: Settings) -> None:
    assert check_health(settings.redis_url) == (0, "")


def test_scheduler_that_is_away_is_not_healthy(settings: Settings, redis: "Redis") -> None:
    """No scheduler runs in another database of the same Redis."""
    alone = settings.redis_url.rpartition("/")[0] + "/15"

    assert check_health(alone) == (1, "no scheduler is running\n")


def check_health(redis_url: str) -> tuple[int, str]:
    """The exit code of the container's health check, and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.compose.scheduler_health"],
        env={**os.environ, "JOBS_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
        check=False,
    )
    return done.returncode, done.stderr


def test_scheduled_sweep_can_be_run(settings: Settings) -> None:
    """It removes what is older than anything that a test has made."""
    result = celery.tasks["files.sweep"].delay().get(timeout=ANSWER_SECONDS)

    assert set(result) == {"removed"}
