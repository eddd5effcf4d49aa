"""Measures jobs that do nothing, by the number of worker processes, even more than cores."""

from typing import Any

from bench.measures import drain
from bench.stack import Stack
from bench.systems.system import System

COUNTS = (1, 2, 4, 8)


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Return the figures of `drain` for each number of processes."""
    return {
        str(count): drain.measure(system.with_processes(count), stack, jobs) for count in COUNTS
    }
