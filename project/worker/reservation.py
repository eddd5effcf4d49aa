"""An attempt that begins without a claim: of a short job that may be repeated.

Several jobs are reserved in one call to Redis, and their results are written in one. Nobody has to
know of such an attempt while it runs, as long as it takes milliseconds and does nothing but return
a result. As soon as it does anything else, it is claimed, and is an attempt as any other.
"""

from collections.abc import Callable
from contextvars import Context, copy_context
from threading import Lock

from celery.exceptions import Ignore, Reject

from project.ledger import Ledger

Claim = Callable[[Ledger], object]


class Reservation:
    """What `execute` knows of it, and the thread that looks after a job that takes long."""

    def __init__(self, job_id: str, holder: str) -> None:
        self.job_id, self._holder = job_id, holder
        self.is_claimed = False
        self._is_refused = False
        """It is over for Redis: its own thread finds out at its end."""
        self._claim: Claim | None = None
        self._context: Context | None = None
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The holder of its lease."""
        return self._holder

    @property
    def unclaimed_holder(self) -> str:
        """The holder of an attempt that was never claimed; empty where it was."""
        return "" if self.is_claimed else self._holder

    def begin(self, claim: Claim) -> None:
        """The attempt begins; `claim` is what makes it one as any other."""
        self._claim, self._context = claim, copy_context()

    def claim(self, ledger: Ledger) -> None:
        """Claim the job, unless that was done; raises what `claim` does."""
        with self._lock:
            if not self.is_claimed and self._claim is not None:
                self._claim(ledger)
                self.is_claimed = True

    def claim_from_outside(self, ledger: Ledger) -> None:
        """The same in another thread, whose lines are of this attempt nevertheless.

        It may be called again and again: after a refusal nothing is asked any more.
        """
        if self._context is None or self._is_refused:
            return
        try:
            self._context.run(self.claim, ledger)
        except (Ignore, Reject):
            self._is_refused = True
            raise
