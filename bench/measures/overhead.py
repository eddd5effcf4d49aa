"""What a system adds to jobs that do something: of 1 ms, 10 ms and 100 ms.

The jobs are busy. Were they asleep, all that the worker's first process and both servers do for a
job would happen while it sleeps, and cost nothing; with as many busy jobs as cores, every
millisecond that anybody spends is missing somewhere. The ideal is a machine on which each worker
process, as far as there are cores, does nothing but the jobs. Two figures tell how far from it a
system is: the rate has all in it, waits and the noise of the machine too; CPU time has neither.
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
"""Of the shortest: a system that adds much would take long."""
FEWEST_JOBS = 30
"""Of the longest: fewer would show little but the first and the last one."""
FIRST_JOBS = 10


def measure(system: System, stack: Stack, seconds: int) -> dict[str, Any]:
    """By the length of the jobs, which would take so many seconds by themselves."""
    start = _measure_start(system, stack)
    found = {}
    for length in MILLISECONDS:
        ideal = ideal_rate(length, PROCESSES, os.cpu_count() or 1)
        jobs = count_jobs(ideal, seconds)
        drained, children = measure_load(system, stack, jobs, Load("busy", length))
        found[str(length)] = summarize(drained, (children - start) * 1000 / jobs, length, ideal)
    return {"start_cpu_seconds": start, **found}


def _measure_start(system: System, stack: Stack) -> float:
    """Seconds of CPU that the worker processes have used when they have run their first jobs."""
    system.empty(stack)
    with system.working(stack) as roots:
        drive(system.environment, system.client, "trips", FIRST_JOBS, system.variables(stack))
        return cpu_seconds({"children": find_descendants(roots)})["children"]


def ideal_rate(milliseconds: int, processes: int, cores: int) -> float:
    """Jobs a second, if nothing but the jobs took time."""
    return min(processes, cores) * 1000 / milliseconds


def count_jobs(ideal: float, seconds: int) -> int:
    """As many as fill the time, within reason."""
    return max(FEWEST_JOBS, min(MOST_JOBS, round(ideal * seconds)))


def summarize(
    drained: dict[str, Any], children_ms: float, milliseconds: int, ideal: float
) -> dict[str, Any]:
    """Shares: of the ideal rate that is missing, and of CPU time that comes on top of the job's.

    The worker processes' part is that of all jobs. Between two moments of a drain, jobs that have
    begun are in it and their ends are not, which of long jobs is more than what is looked for.
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
