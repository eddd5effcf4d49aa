"""Processes are killed while they run jobs: none is lost, and a kill repeats at most one."""

import os
import random
import signal
from collections import Counter
from pathlib import Path
from time import sleep

import pytest

from project.ledger import Status
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.process_tree import descendants
from tests.waiting import wait_until

KILLS = int(os.environ.get("KILLS", "25"))
JOBS = 200
SECONDS = 120


@pytest.mark.timeout(3600)
def test_kill_repeats_at_most_one_finished_job(system: IsolatedSystem, tmp_path: Path) -> None:
    browser, marks, dead = system.open_page(), tmp_path / "marks", system.waiting("dead")
    marks.touch()
    worker = system.main_pid("worker-short")
    kills = 0
    while kills < KILLS:
        ids = submit(browser, marks)
        kills += kill_until_done(system, worker, ids)

    done = Counter(marks.read_text().split())
    repeated = sum(done.values()) - len(done)
    assert repeated <= kills, f"{repeated} of {len(done)} jobs ran again after {kills} kills"
    wait_until(lambda: not system.waiting("short"), SECONDS, "all messages to be gone")
    assert system.waiting("dead") == dead
    assert system.main_pid("worker-short") == worker


def submit(browser: Client, marks: Path) -> list[str]:
    jobs = [{"kind": "isolated.mark", "parameters": {"path": str(marks)}}] * JOBS
    answers = browser.post("/api/v1/jobs/bulk", json={"jobs": jobs}).json()["jobs"]
    ids = [answer["id"] for answer in answers if "id" in answer]
    assert ids, answers[0]  # a few may have been refused
    return ids


def kill_until_done(system: IsolatedSystem, worker: int, ids: list[str]) -> int:
    """Kill a process now and then until all jobs have succeeded; how many were."""
    kills = 0

    def look() -> bool:
        nonlocal kills
        if are_done(system, ids):
            return True
        if kills < KILLS and (pids := sorted(descendants(worker))):
            os.kill(random.choice(pids), signal.SIGKILL)  # noqa: S311 - no secret
            kills += 1
            sleep(random.uniform(0.02, 0.2))  # noqa: S311 - so that kills meet any moment
        return False

    wait_until(look, SECONDS, "the jobs to succeed")
    return kills


def are_done(system: IsolatedSystem, ids: list[str]) -> bool:
    statuses = {job_id: system.ledger.get(job_id).status for job_id in ids}
    assert Status.DEAD not in statuses.values()
    return set(statuses.values()) == {Status.SUCCEEDED}
