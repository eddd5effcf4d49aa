"""Measures how fast the workers do waiting jobs, and what each job costs."""

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
LOAD_END_SHARE = 0.95
DRAIN_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Load:
    """The jobs' work, by its name in `bench.peers.work`, and its value."""

    work: str
    value: int


@dataclass(frozen=True, slots=True)
class Moment:
    """The progress of a drain, and the CPU time used so far."""

    at: float
    done: int
    cpu: dict[str, float]


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Measure jobs that do nothing, from 20 % to the end."""
    system.empty(stack)
    drive(system.environment, system.client, "fill", jobs, system.variables(stack))
    figures, _ = _drain(system, stack, jobs, end_share=1)
    return figures


def measure_load(
    system: System, stack: Stack, jobs: int, load: Load
) -> tuple[dict[str, Any], float]:
    """Measure jobs with work, from 20 % to 95 %, and the CPU seconds of the worker processes.

    At the very end, a process may be idle while another one finishes its job. The seconds are those
    of all jobs and of the start of the processes. The figures also have the number of jobs a second
    that one thread submitted, one after the other.
    """
    system.empty(stack)
    options = ("--work", load.work, "--value", str(load.value))
    variables = system.variables(stack)
    filled = drive(system.environment, system.client, "fill", jobs, variables, *options)
    figures, children_seconds = _drain(system, stack, jobs, LOAD_END_SHARE)
    submitted = filled["jobs"] / filled["seconds"]
    return {"submitted_a_second": submitted, **figures}, children_seconds


def _drain(
    system: System, stack: Stack, jobs: int, end_share: float
) -> tuple[dict[str, Any], float]:
    """Start the workers, and take the slope from 20 % of the jobs."""
    with system.working(stack) as roots:
        _await_share(system, stack, roots, jobs, WARM_SHARE)
        groups = {"main": roots, "children": find_descendants(roots), **stack.server_pids()}
        begin = _look(system, stack, groups)
        _await_share(system, stack, roots, jobs, end_share)
        end = _look(system, stack, groups)
        _await_share(system, stack, roots, jobs, 1)
        system.verify(stack, jobs)
        children_seconds = cpu_seconds(groups)["children"]
    return {"jobs": jobs, **slope(begin, end)}, children_seconds


def slope(begin: Moment, end: Moment) -> dict[str, Any]:
    """Return jobs a second, and CPU milliseconds a job; ValueError if it ended too soon."""
    done, seconds = end.done - begin.done, end.at - begin.at
    if done <= 0:
        raise ValueError("All jobs were done before the first sample: use more jobs.")
    cost = {name: (end.cpu[name] - begin.cpu[name]) * 1000 / done for name in end.cpu}
    return {"jobs_a_second": done / seconds, "cpu_ms_a_job": cost}


def _await_share(system: System, stack: Stack, roots: list[int], jobs: int, share: float) -> None:
    def is_done() -> bool:
        if not all(map(is_running, roots)):
            raise SlowError(f"A worker of {system.title} has ended.")
        return system.count_done(stack) >= jobs * share

    await_that(is_done, f"{system.title} has done {share:.0%} of {jobs} jobs", DRAIN_SECONDS)


def _look(system: System, stack: Stack, groups: dict[str, list[int]]) -> Moment:
    done = system.count_done(stack)
    return Moment(time.monotonic(), done, cpu_seconds(groups))
