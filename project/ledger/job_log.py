"""The logs of jobs: what their code has logged, one capped Redis stream for each job.

A log lives as long as its job's record. A client that follows a log receives the place of the
newest line and reads on from its last place, so it gets each line exactly once.
"""

from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from typing import Any

from redis import Redis, ResponseError

from project.ledger.keys import job_key, log_key
from project.ledger.log_line import LogLine, check_place, count_missing, decode_line

LINES_AT_ONCE = 500
"""The most lines that one call reads."""


class JobLog:
    """Appends and reads lines. `redis` must decode responses; its own errors pass through."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._append = redis.register_script(
            files(__package__).joinpath("scripts", "append.lua").read_text()
        )

    def append(self, job_id: str, lines: Sequence[tuple[str, str]], kept_lines: int) -> None:
        """Add lines, each as its place and text; the log keeps about the newest `kept_lines`.

        Repeating the call changes nothing. Without a record of the job nothing is written.
        """
        self._append(
            keys=[job_key(job_id), log_key(job_id)],
            args=[job_id, kept_lines, *(part for line in lines for part in line)],
        )

    def read(self, job_id: str, after: str = "", limit: int = LINES_AT_ONCE) -> list[LogLine]:
        """The lines after a place, oldest first; InvalidInputError if `after` is not a place."""
        start = f"({check_place(after)}" if after else "-"
        found: Any = self._redis.xrange(log_key(job_id), min=start, count=limit)
        lines = [decode_line(place, entry["line"]) for place, entry in found]
        trimmed = 0 if after or not lines else self._count_trimmed(job_id)
        return count_missing(lines, after, trimmed)

    def find_start(self, job_id: str, newest: int) -> str:
        """The place after which the `newest` last lines begin; empty if there are no more lines."""
        found: Any = self._redis.xrevrange(log_key(job_id), count=newest + 1)
        return str(found[-1][0]) if len(found) > newest else ""

    def _count_trimmed(self, job_id: str) -> int:
        """How many lines were dropped because too many came after them."""
        with suppress(ResponseError):  # it has expired meanwhile
            state: Any = self._redis.xinfo_stream(log_key(job_id))
            return int(state["entries-added"] - state["length"])
        return 0
