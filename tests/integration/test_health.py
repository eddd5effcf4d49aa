"""Probes, and the parts that nobody sees until they are missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from project.config import Settings
from project.server.tasks import celery
from tests.builders import an_unused_port
from tests.integration.client import Client

ANSWER_SECONDS = 60


def test_ready_web_says_that_all_parts_are_there(browser: Client) -> None:
    answer = browser.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "parts": {"redis": "ok", "broker": "ok"}}


def test_living_web_says_so(browser: Client) -> None:
    assert browser.get("/healthz").json() == {"status": "ok"}


def ask_worker_health(repository: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What the worker's health check says, as a process manager runs it."""
    return subprocess.run(
        [sys.executable, "-m", "project.worker.health"],
        cwd=repository,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("role", ["worker-short", "worker-long"])
@pytest.mark.usefixtures("settings")
def test_living_worker_is_healthy(repository: Path, role: str) -> None:
    answer = ask_worker_health(repository, JOBS_ROLE=role)

    assert answer.returncode == 0, answer.stderr
    assert "lives" in answer.stdout


@pytest.mark.usefixtures("settings")
def test_worker_that_is_not_there_is_not_healthy(repository: Path) -> None:
    answer = ask_worker_health(repository, JOBS_ROLE="worker-nowhere")

    assert answer.returncode == 1
    assert "no sign of life" in answer.stderr


@pytest.mark.usefixtures("settings")
def test_worker_without_redis_is_not_healthy_and_says_why(repository: Path) -> None:
    nowhere = f"redis://:secret-password@127.0.0.1:{an_unused_port()}/0"

    answer = ask_worker_health(repository, JOBS_ROLE="worker-short", JOBS_REDIS_URL=nowhere)

    assert answer.returncode == 1
    assert answer.stderr.startswith("Redis does not answer")
    assert len(answer.stderr.splitlines()) == 1
    assert "secret-password" not in answer.stderr


def test_scheduler_has_written_its_schedule(redis: "Redis") -> None:
    assert redis.exists("redbeat:files.sweep")


def test_scheduled_sweep_can_be_run(settings: Settings) -> None:
    """It removes what is older than anything that a test has made."""
    result = celery.tasks["files.sweep"].delay().get(timeout=ANSWER_SECONDS)

    assert set(result) == {"removed"}
