"""Measures the time from a submit to the result on an idle system, by the system's own client."""

from statistics import median
from typing import Any

from bench.programs import drive
from bench.report.figures import percentile
from bench.stack import Stack
from bench.systems.system import System


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Return milliseconds. The driver first waits for some jobs, so the workers are ready."""
    system.empty(stack)
    with system.working(stack):
        variables = system.variables(stack)
        seconds = drive(system.environment, system.client, "trips", jobs, variables)["seconds"]
    return summarize(seconds)


def summarize(seconds: list[float]) -> dict[str, float]:
    """Return percentiles in milliseconds."""
    return {
        "p50_ms": median(seconds) * 1000,
        "p99_ms": percentile(seconds, 0.99) * 1000,
        "count": len(seconds),
    }
