"""Measures a short job's round trip on an idle system, and with ten thousand long jobs waiting."""

from typing import Any

from bench.measures.trips import summarize
from bench.programs import drive
from bench.stack import Stack
from bench.systems.system import System
from bench.waiting import await_that
from project.ledger.keys import waiting_key

WAITING = 10_000
EMPTY_SECONDS = 300.0


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Return milliseconds: idle, and with the long jobs waiting."""
    system.empty(stack)
    with system.working(stack):
        idle = _trips(system, stack, jobs)
        drive(system.environment, "bench.peers.jobs_long", "fill", WAITING, system.variables(stack))
        busy = _trips(system, stack, jobs)
        waiting = _count_long(stack)
        await_that(lambda: not _count_long(stack), "the long queue is empty", EMPTY_SECONDS)
    if waiting < WAITING:
        raise ValueError(f"Only {waiting} long jobs were still waiting at the end.")
    return {"idle": idle, "busy": busy}


def _trips(system: System, stack: Stack, jobs: int) -> dict[str, float]:
    variables = system.variables(stack)
    return summarize(drive(system.environment, system.client, "trips", jobs, variables)["seconds"])


def _count_long(stack: Stack) -> int:
    return int(stack.redis.zcard(waiting_key("long")))
