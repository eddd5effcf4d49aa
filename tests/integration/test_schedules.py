"""Jobs at set times, as a client sees them: changed through the API, without a restart."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
import requests
from redis import Redis

from project.errors import NotFoundError, OccupiedError
from project.scheduler.schedules.schedule import Plan, make_schedule
from project.scheduler.schedules.store import ScheduleStore
from tests.builders import NOON
from tests.integration.client import Client
from tests.integration.logbook import LogBook, action_of
from tests.waiting import wait_until

PATH = "/api/v1/schedules"
SECONDS = 30


@pytest.fixture
def schedule_id(browser: Client) -> Iterator[str]:
    """A name of the test's own, whose schedule is deleted at the end."""
    name = f"test-{uuid4().hex[:8]}"
    yield name
    delete(browser, name)


def delete(browser: Client, schedule_id: str) -> requests.Response:
    return browser.session.delete(f"{browser.url}{PATH}/{schedule_id}", timeout=SECONDS)


def make(browser: Client, schedule_id: str, **form: Any) -> dict[str, Any]:
    values = {"id": schedule_id, "kind": "create_task", "parameters": {"type": 0}, **form}
    answer = browser.post(PATH, json=values)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def look(browser: Client, schedule_id: str) -> dict[str, Any]:
    found: dict[str, Any] = browser.get(f"{PATH}/{schedule_id}").json()
    return found


def await_run_after(browser: Client, schedule_id: str, earlier: str | None) -> dict[str, Any]:
    """The schedule, once a later run than that one is told."""

    def look_for_it() -> dict[str, Any] | None:
        found = look(browser, schedule_id)
        is_later = found["last_at"] and (earlier is None or found["last_at"] > earlier)
        return found if is_later else None

    found = wait_until(look_for_it, SECONDS, f"a run of {schedule_id}")
    assert found is not None
    return found


def due_times(log: LogBook, schedule_id: str) -> list[str]:
    return [
        line["labels"]["due_at"]
        for line in log.about(schedule_id)
        if action_of(line) == "schedule_due"
    ]


def test_schedule_runs_until_it_is_paused_and_goes_on_when_it_is_resumed(
    browser: Client, log: LogBook, schedule_id: str
) -> None:
    made = make(browser, schedule_id, every_seconds=1, overlap="allow")

    first = await_run_after(browser, schedule_id, None)
    second = await_run_after(browser, schedule_id, first["last_at"])
    browser.await_status(second["last_job_id"], "succeeded")
    paused = browser.post(f"{PATH}/{schedule_id}/pause").json()
    other = make(browser, f"{schedule_id}-other", every_seconds=1)
    try:
        for _ in range(3):  # the scheduler goes round, and hands in others
            other = await_run_after(browser, other["id"], other["last_at"])
    finally:
        delete(browser, other["id"])
    assert len(due_times(log, f'"{schedule_id}"')) <= runs_until(made, paused) + 1
    assert paused["is_paused"]
    assert paused["next_at"] is None
    still = look(browser, schedule_id)
    resumed = browser.post(f"{PATH}/{schedule_id}/resume").json()
    after = await_run_after(browser, schedule_id, still["last_at"])

    assert after["last_at"] >= resumed["next_at"] > still["last_at"]
    times = due_times(log, f'"{schedule_id}"')
    assert len(times) == len(set(times))


def runs_until(made: dict[str, Any], paused: dict[str, Any]) -> int:
    """How many times there were from the first one to the last one before the pause."""
    first, last = (datetime.fromisoformat(text) for text in (made["next_at"], paused["last_at"]))
    return int((last - first).total_seconds()) + 1


def test_change_of_the_plan_holds_from_the_next_run_on(browser: Client, schedule_id: str) -> None:
    make(browser, schedule_id, cron="0 0 1 1 *")

    form = {"kind": "create_task", "parameters": {"type": 0}, "every_seconds": 1}
    changed = browser.session.put(f"{browser.url}{PATH}/{schedule_id}", json=form, timeout=SECONDS)

    assert changed.status_code == 200
    assert await_run_after(browser, schedule_id, None)["last_job_id"]


def test_run_now_is_a_job_at_once_even_in_a_pause(browser: Client, schedule_id: str) -> None:
    make(browser, schedule_id, cron="0 0 1 1 *")
    browser.post(f"{PATH}/{schedule_id}/pause")

    answer = browser.post(f"{PATH}/{schedule_id}/run")

    assert answer.status_code == 202
    browser.await_status(answer.json()["id"], "succeeded")
    assert look(browser, schedule_id)["last_job_id"] == answer.json()["id"]


def test_run_is_skipped_while_the_last_job_runs(browser: Client, schedule_id: str) -> None:
    make(browser, schedule_id, every_seconds=1, parameters={"type": 1})

    skipped = wait_until(
        lambda: look(browser, schedule_id)["skips"] >= 2 and look(browser, schedule_id), SECONDS
    )

    assert skipped["last_skip_reason"] == "The job of the last run has not finished."
    browser.post(f"/api/v1/jobs/{skipped['last_job_id']}/cancel")


def test_deleted_schedule_is_gone(browser: Client, schedule_id: str) -> None:
    make(browser, schedule_id, every_seconds=1)

    assert delete(browser, schedule_id).status_code == 204
    assert browser.get(f"{PATH}/{schedule_id}").status_code == 404
    assert delete(browser, schedule_id).status_code == 404


def test_clean_up_was_made_at_the_first_start(browser: Client) -> None:
    clean_up = look(browser, "clean-up")

    assert (clean_up["kind"], clean_up["time_zone"]) == ("files.sweep", "UTC")
    assert all("T03:17:00" in moment for moment in clean_up["next_runs"])


def test_command_line_has_the_same_verbs(repository: object, schedule_id: str) -> None:
    run = command(str(repository))

    made = run("add", "create_task", '{"type": 0}', "--cron", "0 0 1 1 *", "--id", schedule_id,
               "--zone", "Europe/Berlin", "--overlap", "allow", "--catch-up", "all")  # fmt: skip
    assert (made["time_zone"], made["overlap"], made["catch_up"]) == (
        *("Europe/Berlin", "allow", "all"),
    )
    job = run("run", schedule_id)
    assert run("pause", schedule_id)["is_paused"]
    assert (schedule_id, job["id"]) in {(one["id"], one["last_job_id"]) for one in run("list")}
    assert not run("resume", schedule_id)["is_paused"]
    assert run("delete", schedule_id) is None
    assert "There is no schedule" in run("show", schedule_id)
    assert "cron: bad minute" in run("add", "create_task", '{"type": 0}', "--cron", "x * * * *")


def command(folder: str) -> Callable[..., Any]:
    """Runs `python -m project schedules …`: its document, or what it says where it fails."""

    def run(*words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "project", "schedules", *words],
            cwd=folder,
            env={**os.environ},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            return done.stderr
        return json.loads(done.stdout) if done.stdout else None

    return run


# ── The store ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def store(redis: "Redis") -> ScheduleStore:
    return ScheduleStore(redis)


PLAN = Plan(kind="create_task", parameters={"type": 0}, cron="0 0 1 1 *")


def test_changes_that_meet_are_all_made(store: ScheduleStore, schedule_id: str) -> None:
    """Between the read and the write of one of them there is another one."""
    made = store.add(make_schedule(schedule_id, PLAN, NOON))
    interrupted: list[int] = []

    def add_skip(found: Any) -> Any:
        if not interrupted:
            interrupted.append(1)
            store.change(schedule_id, lambda now: replace(now, skips=now.skips + 10))
        return replace(found, skips=found.skips + 1)

    store.change(schedule_id, add_skip)

    found = store.get(schedule_id)
    assert found.skips == 11
    assert found.version == made.version + 2


def test_change_of_one_that_was_deleted_and_made_anew_is_not_lost_on_the_new_one(
    store: ScheduleStore, schedule_id: str
) -> None:
    store.add(make_schedule(schedule_id, PLAN, NOON))
    seen: list[int] = []

    def make_anew(found: Any) -> Any:
        if not seen:
            store.remove(schedule_id)
            store.add(make_schedule(schedule_id, PLAN, NOON))
        seen.append(found.version)
        return replace(found, skips=7)

    store.change(schedule_id, make_anew)

    assert len(set(seen)) == 2


def test_id_is_given_once(store: ScheduleStore, schedule_id: str) -> None:
    store.add(make_schedule(schedule_id, PLAN, NOON))

    with pytest.raises(OccupiedError, match="already"):
        store.add(make_schedule(schedule_id, PLAN, NOON))


def test_schedule_that_is_not_there_cannot_be_changed(store: ScheduleStore) -> None:
    with pytest.raises(NotFoundError):
        store.change("no-such-schedule", lambda found: found)
