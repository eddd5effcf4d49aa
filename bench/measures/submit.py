"""Measures how many jobs a second one thread submits, one by one and in bulk."""

from typing import Any

from bench.accounting import cpu_seconds
from bench.programs import drive
from bench.stack import Stack
from bench.systems.system import System

BULK_SHARE = 2
"""Bulk submits twice as many, because it is quicker."""


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Measure while no worker runs."""
    system.empty(stack)
    return {
        "one": _drive(system, stack, "submit", jobs),
        "bulk": _drive(system, stack, "bulk", jobs * BULK_SHARE),
    }


def _drive(system: System, stack: Stack, verb: str, jobs: int) -> dict[str, Any]:
    """Return jobs a second, and CPU milliseconds a job of the client and of both servers."""
    servers = stack.server_pids()
    before = cpu_seconds(servers)
    found = drive(system.environment, system.client, verb, jobs, system.variables(stack))
    after = cpu_seconds(servers)
    if not found:
        return {}
    cost = {name: (after[name] - before[name]) * 1000 / jobs for name in after}
    return {
        "jobs_a_second": found["jobs"] / found["seconds"],
        "cpu_ms_a_job": {"client": found["client_cpu_seconds"] * 1000 / found["jobs"], **cost},
    }
