"""Short jobs of a repeatable kind begin together, and nobody notices but by their speed."""

import os
import random
import signal
from collections import Counter
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from project.ledger import Status
from project.worker.engine.together import MOST_TOGETHER
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.logbook import action_of
from tests.process_tree import descendants
from tests.waiting import wait_until

KILLS = int(os.environ.get("KILLS", "10"))
JOBS = 300
SECONDS = 120


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    path = tmp_path / "marks"
    path.touch()
    return path


def submit(system: IsolatedSystem, *wanted: dict[str, Any]) -> list[str]:
    jobs = [{"kind": "isolated.quick", "parameters": parameters} for parameters in wanted]
    answers = system.open_page().post("/api/v1/jobs/bulk", json={"jobs": jobs}).json()["jobs"]
    return [answer["id"] for answer in answers]


def await_all(system: IsolatedSystem, ids: list[str]) -> dict[str, Any]:
    """The jobs, once all have ended."""

    def find() -> dict[str, Any] | None:
        jobs = {job_id: system.ledger.get(job_id) for job_id in ids}
        return jobs if all(job.status.is_finished for job in jobs.values()) else None

    return wait_until(find, SECONDS, "all jobs to end")


def warm_up(system: IsolatedSystem, marks: Path) -> None:
    """Let the processes find out that the kind's jobs are short."""
    await_all(system, submit(system, *[{"path": str(marks)}] * 50))


def test_each_runs_once_and_one_line_tells_of_it(system: IsolatedSystem, marks: Path) -> None:
    warm_up(system, marks)
    marks.write_text("")

    ids = submit(system, *[{"path": str(marks)}] * JOBS)
    jobs = await_all(system, ids)

    assert Counter(marks.read_text().split()) == Counter(ids)
    for job in jobs.values():
        assert (job.status, job.attempt, job.result) == (Status.SUCCEEDED, 1, job.id)
        assert job.waiting_since <= job.started_at <= job.finished_at
        assert job.worker
    finished = wait_until(
        lambda: len(found := find_lines(system, "job_finished", ids)) == JOBS and found,
        SECONDS,
        "a line of each end",
    )
    begun = find_lines(system, "job_started", ids)
    assert len(begun) < JOBS / 2, "few have begun together"
    for job_id in finished.keys() - begun.keys():
        assert finished[job_id]["worker"] == jobs[job_id].worker
        assert finished[job_id]["task"]["wait_seconds"] >= 0


def find_lines(system: IsolatedSystem, action: str, ids: list[str]) -> dict[str, Any]:
    """What lines of that event say of these jobs, by their ids."""
    lines = [line["celery"] for line in system.log.lines() if action_of(line) == action]
    wanted = set(ids)
    return {line["task"]["id"]: line for line in lines if line["task"]["id"] in wanted}


def test_one_that_does_more_than_return_is_an_attempt_as_any_other(
    system: IsolatedSystem, marks: Path
) -> None:
    warm_up(system, marks)
    does = ["", "fail", "", "log", "", "progress", "", "submit", ""] * 5

    ids = submit(system, *({"path": str(marks), "does": what} for what in does))
    jobs = await_all(system, ids)

    for what, job_id in zip(does, ids, strict=True):
        job = jobs[job_id]
        expected = Status.FAILED if what == "fail" else Status.SUCCEEDED
        assert (job.status, job.attempt, job.losses) == (expected, 1, 0), what
        assert job.has_log == (what == "log")
        if what == "submit":
            child = system.ledger.get(job.result)
            assert child.parent_id == job_id
        if what in {"fail", "progress", "submit"}:
            assert system.log.await_event("job_started", job_id)


def test_those_behind_one_that_takes_long_start_elsewhere(
    system: IsolatedSystem, marks: Path
) -> None:
    warm_up(system, marks)

    slow, *others = submit(
        system, {"path": str(marks), "seconds": 20}, *[{"path": str(marks)}] * 40
    )
    jobs = await_all(system, others)

    assert all(job.status is Status.SUCCEEDED for job in jobs.values())
    assert system.ledger.get(slow).status is Status.RUNNING
    assert system.ledger.get(slow).attempt == 1
    assert system.ledger.cancel(slow).cancel_requested_at
    assert await_all(system, [slow])[slow].status is Status.CANCELLED


def test_one_that_kills_its_process_dies_and_takes_no_other_with_it(
    system: IsolatedSystem, marks: Path
) -> None:
    warm_up(system, marks)
    does = ["", "kill", *[""] * 30]

    ids = submit(system, *({"path": str(marks), "does": what} for what in does))
    jobs = await_all(system, ids)

    assert jobs.pop(ids[1]).status is Status.DEAD
    assert {job.status for job in jobs.values()} == {Status.SUCCEEDED}
    assert {job.losses for job in jobs.values()} == {0}


@pytest.mark.timeout(3600)
def test_kill_repeats_no_more_than_began_together(system: IsolatedSystem, marks: Path) -> None:
    warm_up(system, marks)
    marks.write_text("")
    worker, kills = system.main_pid("worker-short"), 0
    while kills < KILLS:
        ids = submit(system, *[{"path": str(marks)}] * JOBS)
        ends_at = monotonic() + SECONDS
        while not all(system.ledger.get(job_id).status.is_finished for job_id in ids):
            assert monotonic() < ends_at, "not all jobs have ended"
            if kills < KILLS and (pids := sorted(descendants(worker))):
                os.kill(random.choice(pids), signal.SIGKILL)  # noqa: S311 - no secret
                kills += 1
            sleep(random.uniform(0.01, 0.1))  # noqa: S311 - so that kills meet any moment
        assert {system.ledger.get(job_id).status for job_id in ids} == {Status.SUCCEEDED}

    done = Counter(marks.read_text().split())
    repeated = sum(done.values()) - len(done)
    assert repeated <= kills * MOST_TOGETHER
    wait_until(lambda: not system.waiting("short"), SECONDS, "all messages to be gone")
