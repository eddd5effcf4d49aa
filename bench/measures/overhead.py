"""Measures what a system adds to jobs of 1 ms, 10 ms and 100 ms.

The jobs are busy. If they slept, the worker's main process and both servers could do all their work
for a job during its sleep, at no cost; with as many busy jobs as cores, every millisecond spent
elsewhere is missing. On an ideal machine, each worker process, as far as there are cores, only runs
jobs. Two figures show how far a system is from it: the rate includes everything, even waits and the
noise of the machine; CPU time includes neither.
"""

import os
from typing import Any

from bench.accounting import cpu_seconds, find_descendants
from bench.measures.drain import Load, measure_load
from bench.programs import drive
from bench.stack import Stack
from bench.systems.system import PROCESSES, System

MILLISECONDS = (1, 10, 100)
MOST_JOBS = 3_000
"""Most jobs of the shortest length: a system that adds much would take long."""
FEWEST_JOBS = 30
"""Fewest jobs of the longest length: fewer would show little but the first and the last one."""
FIRST_JOBS = 10


def measure(system: System, stack: Stack, seconds: int) -> dict[str, Any]:
    """Measure by the length of the jobs, which alone would take `seconds`."""
    start = _measure_start(system, stack)
    found = {}
    for length in MILLISECONDS:
        ideal = ideal_rate(length, PROCESSES, os.cpu_count() or 1)
        jobs = count_jobs(ideal, seconds)
        drained, children = measure_load(system, stack, jobs, Load("busy", length))
        found[str(length)] = summarize(drained, (children - start) * 1000 / jobs, length, ideal)
    return {"start_cpu_seconds": start, **found}


def _measure_start(system: System, stack: Stack) -> float:
    """Return the CPU seconds of the worker processes after their first jobs."""
    system.empty(stack)
    with system.working(stack) as roots:
        drive(system.environment, system.client, "trips", FIRST_JOBS, system.variables(stack))
        return cpu_seconds({"children": find_descendants(roots)})["children"]


def ideal_rate(milliseconds: int, processes: int, cores: int) -> float:
    """Return the jobs a second if nothing but the jobs took time."""
    return min(processes, cores) * 1000 / milliseconds


def count_jobs(ideal: float, seconds: int) -> int:
    """Return as many jobs as fill the time, within limits."""
    return max(FEWEST_JOBS, min(MOST_JOBS, round(ideal * seconds)))


def summarize(
    drained: dict[str, Any], children_ms: float, milliseconds: int, ideal: float
) -> dict[str, Any]:
    """Return the share of the ideal rate that is missing, and of CPU time beyond the jobs' own.

    The worker processes' CPU time is that of all jobs. Between two moments of a drain, it would
    include jobs that began but did not end; for long jobs, that is more than the overhead itself.
    """
    cost = {**drained["cpu_ms_a_job"], "children": children_ms}
    added = sum(cost.values()) - milliseconds
    return {
        **drained,
        "cpu_ms_a_job": cost,
        "ideal_a_second": ideal,
        "missing_share": 1 - drained["jobs_a_second"] / ideal,
        "added_cpu_ms": added,
        "added_cpu_share": added / milliseconds,
    }
