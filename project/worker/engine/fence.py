"""Stops a job whose lease nobody renews any more, because the main process hangs.

While the main process supervises, it stops such jobs itself, even if Redis is unavailable: see
`supervisor`. The fence runs in the worker process and acts only if nobody supervises it. If the
main process dies, the kernel kills its worker processes: Celery requests that (PR_SET_PDEATHSIG).
"""

import os
import signal
from collections.abc import Callable
from time import monotonic

import structlog

from project.observability.binding import about
from project.worker.engine.slot import Claim, Slot
from project.worker.lease import Patience

SILENT_LOOKS = 10
"""After this many checks without progress the main process counts as hung. Checks, not seconds: a
process that was stopped together with its main process has not checked meanwhile, and so first
waits for a renewal."""

_log = structlog.get_logger()


class Fence:
    """Checks whether the lease of the current job is renewed."""

    def __init__(
        self,
        slot: Slot,
        interrupt: signal.Signals,
        patience: Patience | None = None,
        send_signal: Callable[[int], None] = lambda number: os.kill(os.getpid(), number),
    ) -> None:
        """`interrupt`: the signal that interrupts a job."""
        self._slot, self._interrupt, self._send_signal = slot, interrupt, send_signal
        self._patience = patience or Patience()
        self._looks = 0
        self._silent_looks = 0
        self._token = 0
        """Token of the job that was asked to stop."""
        self._asked_at = 0.0
        self._is_interrupted = False

    def look(self) -> None:
        """Check the lease; call this twice a second while a job runs."""
        looks = self._slot.looks
        self._silent_looks = 0 if looks != self._looks else self._silent_looks + 1
        self._looks = looks
        seen = self._slot.glance()
        if seen is None or seen.claim is None or self._silent_looks < SILENT_LOOKS:
            return
        now = monotonic()
        if seen.token != self._token:
            held_since = max(seen.claim.claimed_at, self._slot.renewed_at)
            if now - held_since > self._patience.fence_seconds:
                self._ask(seen.token, seen.claim, now)
        elif now - self._asked_at > self._patience.kill_seconds:
            self._send_signal(signal.SIGKILL)
        elif now - self._asked_at > self._patience.interrupt_seconds and not self._is_interrupted:
            self._is_interrupted = True
            self._send_signal(self._interrupt)

    def _ask(self, token: int, claim: Claim, now: float) -> None:
        self._token, self._asked_at, self._is_interrupted = token, now, False
        self._slot.fence(token)
        reason = "The worker's main process does not respond."
        with about(claim):
            _log.warning("lease_not_renewed", job_id=claim.id, reason=reason)
