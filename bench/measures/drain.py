"""Jobs that wait are done as fast as the workers can, and what each costs."""

import time
from dataclasses import dataclass
from typing import Any

from bench.accounting import cpu_seconds, find_descendants, is_running
from bench.programs import drive
from bench.stack import Stack
from bench.systems.system import System
from bench.waiting import SlowError, await_that

WARM_SHARE = 0.2
"""The start of processes and the first jobs do not count."""
DRAIN_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Moment:
    """How far it is, and what was used until then."""

    at: float
    done: int
    cpu: dict[str, float]


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Fill while no worker runs, start the workers, and take the slope from 20 % on."""
    system.empty(stack)
    drive(system.environment, system.client, "fill", jobs, system.variables(stack))
    with system.working(stack) as roots:
        _await_share(system, stack, roots, jobs, WARM_SHARE)
        groups = {"main": roots, "children": find_descendants(roots), **stack.server_pids()}
        begin = _look(system, stack, groups)
        _await_share(system, stack, roots, jobs, 1)
        end = _look(system, stack, groups)
        system.verify(stack, jobs)
    done, seconds = end.done - begin.done, end.at - begin.at
    return {
        "jobs": jobs,
        "jobs_a_second": done / seconds,
        "cpu_ms_a_job": {name: (end.cpu[name] - begin.cpu[name]) * 1000 / done for name in end.cpu},
    }


def _await_share(system: System, stack: Stack, roots: list[int], jobs: int, share: float) -> None:
    def is_done() -> bool:
        if not all(map(is_running, roots)):
            raise SlowError(f"A worker of {system.title} has ended.")
        return system.count_done(stack) >= jobs * share

    await_that(is_done, f"{system.title} has done {share:.0%} of {jobs} jobs", DRAIN_SECONDS)


def _look(system: System, stack: Stack, groups: dict[str, list[int]]) -> Moment:
    done = system.count_done(stack)
    return Moment(time.monotonic(), done, cpu_seconds(groups))
