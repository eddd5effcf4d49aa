"""Two schedulers go through a change of the clock, and are killed on the way: each time runs once.

The night of the change takes some seconds (`hasty_scheduler.py`). The leader is killed at moments
of the test's choice, and kills itself between a submit and the note of it. The times that must have
run are written down here, not reckoned.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic

import pytest

from project.config import Settings
from project.ledger import Job, Status
from project.scheduler.schedules.schedule import CatchUp, Overlap, Plan, Schedule, make_schedule
from project.scheduler.schedules.store import LEADER_KEY, ScheduleStore
from project.submission.preparation import Submission, list_ids
from tests.integration.isolated.hasty_scheduler import MET, Fate
from tests.integration.isolated.system import ROOT, IsolatedSystem, environment_of
from tests.waiting import wait_until

SPEED = 1800
LEAD_SECONDS = 2
"""The night begins so long after the schedulers are started."""
SECONDS = 60
TRIES = 10

CRONS = {"tens": "*/10 1-3 * * *", "once": "30 2 * * *", "hourly": "0 * * * *"}


def minutes(first: str, last: str, step: int) -> list[str]:
    """Times from the first to the last."""
    moment, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    found = []
    while moment <= end:
        found.append(moment.isoformat())
        moment += timedelta(minutes=step)
    return found


@dataclass(frozen=True)
class Night:
    """In Berlin, told in UTC."""

    begins_at: str
    ends_at: str
    times: Mapping[str, list[str]]
    fatal_runs: tuple[str, ...]


SPRING = Night(
    begins_at="2026-03-28T23:15:00+00:00",
    ends_at="2026-03-29T03:05:00+00:00",
    times={
        # 01:00 to 01:50 at +01:00; 02:00 to 02:50 do not come; 03:00 to 03:50 at +02:00.
        "tens": minutes("2026-03-29T00:00:00+00:00", "2026-03-29T01:50:00+00:00", 10),
        # 02:30 does not come: 03:00.
        "once": ["2026-03-29T01:00:00+00:00"],
        "hourly": minutes("2026-03-29T00:00:00+00:00", "2026-03-29T03:00:00+00:00", 60),
        "interval": minutes("2026-03-28T23:35:00+00:00", "2026-03-29T02:55:00+00:00", 20),
    },
    fatal_runs=(
        *("once 2026-03-29T01:00:00+00:00", "tens 2026-03-29T00:50:00+00:00"),
        "tens 2026-03-29T01:00:00+00:00",
    ),
)
AUTUMN = Night(
    begins_at="2026-10-24T22:15:00+00:00",
    ends_at="2026-10-25T03:05:00+00:00",
    times={
        # 01:00 to 02:50 at +02:00; then 02:00 to 02:50 again, and 03:00 to 03:50, at +01:00.
        "tens": minutes("2026-10-24T23:00:00+00:00", "2026-10-25T02:50:00+00:00", 10),
        # 02:30 comes twice: the first time.
        "once": ["2026-10-25T00:30:00+00:00"],
        "hourly": minutes("2026-10-24T23:00:00+00:00", "2026-10-25T03:00:00+00:00", 60),
        "interval": minutes("2026-10-24T22:35:00+00:00", "2026-10-25T02:55:00+00:00", 20),
    },
    fatal_runs=(
        *("once 2026-10-25T00:30:00+00:00", "tens 2026-10-25T00:50:00+00:00"),
        "tens 2026-10-25T01:00:00+00:00",
    ),
)


@dataclass
class Pair:
    """Two schedulers; one that was killed is started anew."""

    system: IsolatedSystem
    fate: Fate
    kills: int = 0
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def watch(self, kill_at: list[datetime]) -> None:
        """See to it that there are two, and kill the leader at these times; once a call."""
        self._processes = [one for one in self._processes if one.poll() is None]
        while len(self._processes) < 2:
            self._processes.append(self._start())
        if kill_at and self.fate.read_clock() >= kill_at[0]:
            leader = self._find_leader()
            if leader is not None:
                leader.kill()
                leader.wait(SECONDS)
                self.kills += 1
                kill_at.pop(0)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(SECONDS)

    def _start(self) -> subprocess.Popen[bytes]:
        output = self.system.folder / "schedulers.out"
        with output.open("ab") as file:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.integration.isolated.hasty_scheduler",
                    self.fate.write(),
                ],
                cwd=ROOT,
                env={
                    **os.environ,
                    **environment_of(self.system.settings),
                    "JOBS_ROLE": "scheduler",
                },
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def _find_leader(self) -> subprocess.Popen[bytes] | None:
        name = str(self.system.redis.get(LEADER_KEY) or "").partition(" ")[0]
        return next((one for one in self._processes if str(one.pid) == name), None)


@pytest.fixture(scope="module")
def alone(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IsolatedSystem]:
    """A system of its own, whose schedules nobody else looks after."""
    system = IsolatedSystem(settings, tmp_path_factory.mktemp("nights"))
    system.start()
    try:
        system.start_worker("worker-short")
        yield system
    finally:
        system.stop()


def make_plans(system: IsolatedSystem, now: datetime) -> dict[str, Schedule]:
    """Schedules that catch up with everything: the time of a change of leaders is hours here."""
    store = ScheduleStore(system.redis)
    rules = {"kind": "isolated.step", "overlap": Overlap.ALLOW, "catch_up": CatchUp.ALL}
    plans = {
        name: Plan(cron=cron, time_zone="Europe/Berlin", **rules)  # type: ignore[arg-type]
        for name, cron in CRONS.items()
    }
    plans["interval"] = Plan(every_seconds=1200, **rules)  # type: ignore[arg-type]
    return {name: store.add(make_schedule(name, plan, now)) for name, plan in plans.items()}


def runs_by_job(
    schedules: Mapping[str, Schedule], times: Mapping[str, list[str]]
) -> dict[str, str]:
    """The runs that there must be, by the ids that their jobs may have.

    Where a submit takes too long it is withdrawn, and the next try has the next id.
    """
    found = {}
    for name, moments in times.items():
        for moment in moments:
            key = schedules[name].name_run(datetime.fromisoformat(moment))
            submission = Submission(kind="isolated.step", parameters={}, idempotency_key=key)
            ids = islice(list_ids(submission), TRIES)
            found.update(dict.fromkeys(ids, f"{name} {moment}"))
    return found


@pytest.mark.parametrize("night", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_each_time_of_the_night_runs_once_whoever_is_killed(
    alone: IsolatedSystem, night: Night
) -> None:
    begins_at, ends_at = map(datetime.fromisoformat, (night.begins_at, night.ends_at))
    before = alone.job_ids()
    schedules = make_plans(alone, begins_at)
    store = ScheduleStore(alone.redis)
    fate = Fate(
        *(night.begins_at, night.ends_at, monotonic() + LEAD_SECONDS, SPEED, night.fatal_runs)
    )
    pair = Pair(alone, fate)
    length = ends_at - begins_at
    kill_at = [begins_at + share * length for share in (0.2, 0.45, 0.7, 0.9)]

    def is_over() -> bool:
        pair.watch(kill_at)
        is_late = fate.read_clock() == ends_at and not kill_at
        return is_late and all(one.next_at > ends_at for one in store.list_all() if is_ours(one))

    def is_ours(schedule: Schedule) -> bool:
        return schedule.id in schedules

    try:
        wait_until(is_over, SECONDS, "the night to end")
        for name in schedules:
            store.remove(name)
    finally:
        pair.stop()

    assert alone.redis.smembers(MET) >= set(night.fatal_runs)
    assert pair.kills == 4
    jobs = wait_until(lambda: find_finished(alone, before), SECONDS, "all jobs to end")
    runs = runs_by_job(schedules, night.times)
    ran = Counter(runs.get(job.id, f"{job.id}, never due") for job in jobs)
    assert ran == Counter(set(runs.values()))
    assert {(job.status, job.attempt) for job in jobs} == {(Status.SUCCEEDED, 1)}


def find_finished(system: IsolatedSystem, before: set[str]) -> list[Job]:
    """The jobs since then, without those that were withdrawn; none while one has not ended."""
    jobs = [job for job in system.ledger.read(system.job_ids() - before) if job]
    is_finished = all(job.status.is_finished for job in jobs)
    return [job for job in jobs if not job.is_withdrawn] if is_finished else []
