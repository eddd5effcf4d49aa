"""Short jobs of repeatable kinds begin together: one call to Redis reserves several of them.

The same call writes the results of the previous ones. How many begin together depends on how long
jobs of the kind take in this process, so that the first result waits about BATCH_SECONDS at most.
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
"""A result waits about this long at most for the results after it."""
MOST_TOGETHER = 16
_DECAY = 0.9
"""Weight of the previous estimate of a kind's duration when a new job is measured."""

_log = structlog.get_logger()


class Together:
    """Estimates how long jobs of each kind take, and reserves short ones together."""

    def __init__(self, equipment: Equipment) -> None:
        self._ledger: Ledger = equipment.ledger
        self._quick_ledger: Ledger = equipment.quick_ledger
        self._seconds: dict[str, float] = {}

    def note(self, kind: str, seconds: float) -> None:
        """Note how long a job's whole attempt took."""
        if kind in KINDS and KINDS[kind].is_repeatable:
            known = self._seconds.get(kind, seconds)
            self._seconds[kind] = _DECAY * known + (1 - _DECAY) * seconds

    def count(self, kind: str) -> int:
        """How many jobs of the kind may begin together; 0: their duration is not known yet."""
        seconds = self._seconds.get(kind)
        return min(MOST_TOGETHER, int(BATCH_SECONDS / max(seconds, 1e-6))) if seconds else 0

    def is_short(self, kind: str) -> bool:
        """Whether several jobs of the kind may begin together."""
        return self.count(kind) > 1

    def reserve(self, batch: Mapping[str, Delivery]) -> None:
        """Reserve the jobs in `batch` (keyed by id); the rest are claimed one by one later."""
        holder = name_holder()
        wanted = [(job_id, delivery.headers["task"]) for job_id, delivery in batch.items()]
        try:
            with lines_together():  # the call logs the outcomes of the previous jobs
                answers = self._ledger.attempts.reserve(wanted, holder)
        except RedisError as error:
            _log.error("claim_failed", exc_info=error)
            return
        for (job_id, delivery), is_reserved in zip(batch.items(), answers, strict=True):
            if is_reserved:
                delivery.reservation = Reservation(job_id, holder)

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """Release the reservations of messages that will not run here."""
        reserved = [each.reservation for each in deliveries if each.reservation is not None]
        if reserved:
            with suppress(RedisError):  # then the next worker waits until the reservations expire
                self._quick_ledger.attempts.release([(each.job_id, each.name) for each in reserved])
