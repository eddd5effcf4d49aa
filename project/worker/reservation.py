"""An attempt that begins without a claim, for a short job of a repeatable kind.

One call to Redis reserves several jobs, and one call writes their results. While such an attempt
runs, nobody needs to know of it, as long as it takes milliseconds and only returns a result. As
soon as it does anything else, its job is claimed, and the attempt is like any other.
"""

from collections.abc import Callable
from contextvars import Context, copy_context
from threading import Lock

from celery.exceptions import Ignore, Reject

from project.ledger import Ledger

Claim = Callable[[Ledger], object]


class Reservation:
    """A job's reservation, shared by `execute` and the thread that requeues behind long jobs."""

    def __init__(self, job_id: str, holder: str) -> None:
        self.job_id, self._holder = job_id, holder
        self.is_claimed = False
        self._is_refused = False
        """Redis refused the claim; the job's own thread notices when its code ends."""
        self._claim: Claim | None = None
        self._context: Context | None = None
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The holder of the lease."""
        return self._holder

    @property
    def unclaimed_holder(self) -> str:
        """The holder if the attempt was never claimed; empty if it was."""
        return "" if self.is_claimed else self._holder

    def begin(self, claim: Claim) -> None:
        """Note that the attempt begins; `claim` is the function that claims its job."""
        self._claim, self._context = claim, copy_context()

    def claim(self, ledger: Ledger) -> None:
        """Claim the job unless it is claimed; raises what the claim function raises."""
        with self._lock:
            if not self.is_claimed and self._claim is not None:
                self._claim(ledger)
                self.is_claimed = True

    def claim_from_outside(self, ledger: Ledger) -> None:
        """Claim the job from another thread, within this attempt's logging context.

        Repeated calls are harmless: after a refusal it does nothing.
        """
        if self._context is None or self._is_refused:
            return
        try:
            self._context.run(self.claim, ledger)
        except (Ignore, Reject):
            self._is_refused = True
            raise
