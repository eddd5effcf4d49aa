"""Measures how long jobs of 1 ms wait in one queue with jobs of two seconds.

The jobs arrive when they are due, whether or not earlier ones are done, at random moments that are
the same for each system. Some jobs wait in any system: at times all processes run slow jobs.
"""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from statistics import mean
from typing import Any

from bench.browser import Browser
from bench.measures.live import JOBS
from bench.measures.trips import summarize
from bench.naps import NAP
from bench.stack import Stack
from bench.systems.system import System
from bench.waiting import await_that

PROCESSES = 4
QUICK_SECONDS, SLOW_SECONDS = 0.001, 2.0
SLOW_SHARE = 0.1
LOAD = 0.6
"""Share of what the processes could do if nothing but the jobs took time."""
WARM_UP = 20
DONE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a job is due, in seconds from the beginning, and how long it takes."""

    at: float
    seconds: float


def measure(system: System, stack: Stack, seconds: int) -> dict[str, Any]:
    """Return milliseconds from the moment when a quick job is due until its start."""
    apart = system.with_processes(PROCESSES)
    apart.empty(stack)
    with (
        apart.working(stack),
        system.serving(stack) as server,
        closing(Browser(server.url)) as browser,
    ):
        warm = [_submit(browser, QUICK_SECONDS) for _ in range(WARM_UP)]
        await_that(lambda: apart.count_done(stack) >= len(warm), "the first are done", DONE_SECONDS)
        arrivals = list(plan_arrivals(seconds))
        submitted = _submit_when_due(browser, arrivals)
        expected = len(warm) + len(submitted)
        await_that(lambda: apart.count_done(stack) >= expected, "all are done", DONE_SECONDS)
        browser.close()  # the server ends a connection that was idle for this long
        waits = [
            _find_start(browser, job_id) - due_at
            for arrival, (job_id, due_at) in zip(arrivals, submitted, strict=True)
            if arrival.seconds == QUICK_SECONDS
        ]
    return {**summarize(waits), "mean_ms": mean(waits) * 1000}


def plan_arrivals(seconds: float) -> Iterator[Arrival]:
    """Return the same arrivals each time, as many as the load needs."""
    chance = random.Random(1)  # noqa: S311 - no secret
    at = 0.0
    while True:
        at += chance.expovariate(arrival_rate())
        if at >= seconds:
            return
        yield Arrival(at, SLOW_SECONDS if chance.random() < SLOW_SHARE else QUICK_SECONDS)


def arrival_rate() -> float:
    """Return the rate in jobs a second."""
    return LOAD * PROCESSES / (SLOW_SHARE * SLOW_SECONDS + (1 - SLOW_SHARE) * QUICK_SECONDS)


def _submit_when_due(browser: Browser, arrivals: list[Arrival]) -> list[tuple[str, float]]:
    """Post the jobs; return their ids and when they were due: a late submit counts as a wait."""
    began_at = time.time()
    submitted = []
    for arrival in arrivals:
        due_at = began_at + arrival.at
        time.sleep(max(0.0, due_at - time.time()))
        submitted.append((_submit(browser, arrival.seconds), due_at))
    return submitted


def _submit(browser: Browser, seconds: float) -> str:
    """Post a job and return its id."""
    return str(browser.post(JOBS, {"kind": NAP, "parameters": {"seconds": seconds}})["id"])


def _find_start(browser: Browser, job_id: str) -> float:
    """Return the job's result."""
    return float(browser.get(f"{JOBS}/{job_id}")["result"])
