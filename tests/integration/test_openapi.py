"""Every answer is as `/openapi.json` says: Schemathesis makes up calls, right and wrong ones.

`make fuzz` does the same at length.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.config import Settings
from tests.integration.isolated.system import IsolatedSystem

ROOT = Path(__file__).parents[2]
CALLS_AT_LEAST = 300
SECONDS = 100


@pytest.fixture
def alone(settings: Settings, tmp_path: Path) -> Iterator[IsolatedSystem]:
    """A system of its own: the calls submit jobs of an hour, and cancel whatever they find."""
    system = IsolatedSystem(settings, tmp_path, extra_kinds="")
    system.start()
    try:
        system.start_web()
        system.start_worker("worker-short")
        yield system
    finally:
        system.stop()


def test_answers_to_made_up_calls_are_as_described(alone: IsolatedSystem, tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    run = subprocess.run(
        [
            *(f"{sys.prefix}/bin/schemathesis", "--config-file", "tests/schemathesis.toml"),
            *("run", f"http://127.0.0.1:{alone.web_port}/openapi.json"),
            *("--max-examples", "10", "--no-color", "--report-json-path", report),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "JOBS_REDIS_URL": alone.direct.redis_url,
            "JOBS_FILES_URL": alone.direct.files_url,
        },
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(report.read_text())["test_cases"]["generated"] >= CALLS_AT_LEAST
