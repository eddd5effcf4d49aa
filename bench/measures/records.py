"""The ledger at a growing number of jobs: `bench.ledger`, beside the other measures."""

from typing import Any

from bench.ledger import measure as measure_ledger
from bench.ledger import own_redis
from bench.stack import Stack
from bench.systems.system import System


def measure(_system: System, _stack: Stack, jobs: int) -> dict[str, Any]:
    """On a Redis of its own, so that nothing else is in its memory."""
    with own_redis() as port:
        return measure_ledger(port, jobs)
