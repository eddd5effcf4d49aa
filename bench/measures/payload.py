"""Measures jobs with a large parameter or a large result: jobs a second, bytes a second."""

from typing import Any

from bench.measures.drain import Load, measure_load
from bench.stack import Stack
from bench.systems.system import System

SIZES = {"1 KB": 1_000, "32 KB": 32_000, "1 MB": 1_000_000}
SHARES = {"1 KB": 1.0, "32 KB": 0.5, "1 MB": 0.03}
"""Share of the jobs for each size: larger ones take longer, and more memory."""
FEWEST_JOBS = 20
WAYS = {"parameter": "take", "result": "give"}
"""The work for each, in `bench.peers.work`."""


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Measure by way and size; afterwards nothing is left in Redis."""
    try:
        return {
            way: {
                size: _measure_size(system, stack, count_jobs(jobs, size), Load(work, SIZES[size]))
                for size in SIZES
            }
            for way, work in WAYS.items()
        }
    finally:
        system.forget(stack)


def count_jobs(jobs: int, size: str) -> int:
    """Return fewer jobs for the large sizes."""
    return max(FEWEST_JOBS, round(jobs * SHARES[size]))


def _measure_size(system: System, stack: Stack, jobs: int, load: Load) -> dict[str, Any]:
    before = _bytes_of_redis(stack)
    found, _ = measure_load(system, stack, jobs, load)
    after = _bytes_of_redis(stack)
    through_redis = {name: (after[name] - before[name]) / jobs for name in after}
    payload = found["jobs_a_second"] * load.value
    return {**found, "bytes_a_second": payload, "redis_bytes_a_job": through_redis}


def _bytes_of_redis(stack: Stack) -> dict[str, int]:
    """Return the bytes that Redis read and wrote so far, including our own requests."""
    stats = stack.redis.info("stats")
    return {
        "read": int(stats["total_net_input_bytes"]),
        "written": int(stats["total_net_output_bytes"]),
    }
