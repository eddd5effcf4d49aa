"""How long it takes from a submit to the result in hand, on an idle system, by its own means."""

from statistics import median
from typing import Any

from bench.programs import drive
from bench.report.figures import percentile
from bench.stack import Stack
from bench.systems.system import System


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Milliseconds; the driver waits for the first jobs, so the workers are there."""
    system.empty(stack)
    with system.working(stack):
        variables = system.variables(stack)
        seconds = drive(system.environment, system.client, "trips", jobs, variables)["seconds"]
    return summarize(seconds)


def summarize(seconds: list[float]) -> dict[str, float]:
    """Percentiles in milliseconds."""
    return {
        "p50_ms": median(seconds) * 1000,
        "p99_ms": percentile(seconds, 0.99) * 1000,
        "count": len(seconds),
    }
