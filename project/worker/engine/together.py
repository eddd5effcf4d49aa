"""Short jobs of repeatable kinds begin together: one call to Redis reserves several of them.

The same call writes the results of those before. How many begin together follows from how long jobs
of the kind take here: the first of them waits BATCH_SECONDS for its result to be written, at most.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress

import structlog
from redis import RedisError

from project.jobs import KINDS
from project.ledger import Ledger
from project.observability.sink import lines_together
from project.worker.engine.delivery import Delivery
from project.worker.execution import Equipment
from project.worker.process_identity import name_holder
from project.worker.reservation import Reservation

BATCH_SECONDS = 0.005
"""A result waits for those after it at most about so long."""
MOST_TOGETHER = 16
_DECAY = 0.9
"""How much of what is thought of a kind's jobs is kept with each one."""

_log = structlog.get_logger()


class Together:
    """Knows how long jobs take, and reserves some."""

    def __init__(self, equipment: Equipment) -> None:
        self._ledger: Ledger = equipment.ledger
        self._quick_ledger: Ledger = equipment.quick_ledger
        self._seconds: dict[str, float] = {}

    def note(self, kind: str, seconds: float) -> None:
        """A job took so long, with all that belongs to its attempt."""
        if kind in KINDS and KINDS[kind].is_repeatable:
            known = self._seconds.get(kind, seconds)
            self._seconds[kind] = _DECAY * known + (1 - _DECAY) * seconds

    def count(self, kind: str) -> int:
        """So many jobs of the kind may begin together; 0: none is known to be short."""
        seconds = self._seconds.get(kind)
        return min(MOST_TOGETHER, int(BATCH_SECONDS / max(seconds, 1e-6))) if seconds else 0

    def is_short(self, kind: str) -> bool:
        """Whether several of the kind may begin together."""
        return self.count(kind) > 1

    def reserve(self, batch: Mapping[str, Delivery]) -> None:
        """Reserve the jobs, by their ids; those that cannot be are claimed at their turn."""
        holder = name_holder()
        wanted = [(job_id, delivery.headers["task"]) for job_id, delivery in batch.items()]
        try:
            with lines_together():  # the ends of those before are told now
                answers = self._ledger.attempts.reserve(wanted, holder)
        except RedisError as error:
            _log.error("claim_failed", exc_info=error)
            return
        for (job_id, delivery), is_reserved in zip(batch.items(), answers, strict=True):
            if is_reserved:
                delivery.reservation = Reservation(job_id, holder)

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """They will not begin here."""
        reserved = [each.reservation for each in deliveries if each.reservation is not None]
        if reserved:
            with suppress(RedisError):  # then whoever gets them waits until the reservation ends
                self._quick_ledger.attempts.release([(each.job_id, each.name) for each in reserved])
