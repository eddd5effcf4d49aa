"""How long the kinds take, as far as it was measured: for the API and in words for people."""

from collections.abc import Sequence

import structlog
from redis import RedisError

from project.ledger.run_times import RunTime
from project.server.services import services

_MINUTE, _HOUR = 60, 3600

_log = structlog.get_logger()


def find_run_times() -> list[RunTime]:
    """All that is known. What can be run is known without Redis: then nothing is."""
    try:
        return services().run_times.read()
    except RedisError as error:
        _log.warning("run_times_not_read", reason=str(error))
        return []


def describe_blocking(times: Sequence[RunTime]) -> str:
    """A sentence on each queue that a kind of these times holds up; empty if there is none."""
    return " ".join(
        f"Holds up the {one.queue} queue: one in twenty runs for "
        f"{describe_seconds(one.p95_seconds)} or longer."
        for one in times
        if one.blocks_queue
    )


def describe_seconds(seconds: float) -> str:
    """As in "48 s", "3 min", "1.5 h"."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f}".removesuffix(".0") + " h"
