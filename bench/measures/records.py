"""Measures the ledger at a growing number of jobs: `bench.ledger` as one of the measures."""

from typing import Any

from bench.ledger import measure as measure_ledger
from bench.ledger import own_redis
from bench.stack import Stack
from bench.systems.system import System


def measure(_system: System, _stack: Stack, jobs: int) -> dict[str, Any]:
    """Use a separate Redis, so that nothing else is in its memory."""
    with own_redis() as port:
        return measure_ledger(port, jobs)
