"""The job that runs in this process, its lease, and how it is made to stop.

The worker's main process renews the lease and says in the process's slot when the job is to stop
(`engine.supervisor`). A job is asked first: its next progress report or `check` raises
CancelledError. One that does not listen is interrupted, then killed with its process; its message
comes back and is dropped, because the ledger says `cancelled` by then.

A job whose lease cannot be renewed is stopped in the same way before the lease runs out, because
from then on another worker may run it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from project.errors import CancelledError, TransitionError
from project.ledger import Job, Ledger
from project.ledger.attempts import LEASE_SECONDS, Leased, LeaseState
from project.worker.engine.slot import Slot

INTERRUPT_SECONDS = 5.0
"""After so long without listening a job that is to stop is interrupted."""
KILL_SECONDS = 10.0
"""After so long it is killed."""

FENCE_SECONDS = LEASE_SECONDS - KILL_SECONDS - 8
"""A job whose lease was last renewed so long ago is told to stop, and has ended before the lease.
The eight seconds are for calls that hang at each of the steps that lead to the kill."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a job has to stop, and how long it may run on without a renewal."""

    interrupt_seconds: float = INTERRUPT_SECONDS
    kill_seconds: float = KILL_SECONDS
    fence_seconds: float = FENCE_SECONDS


class ActiveLease:
    """The running job, and whether it is to stop."""

    def __init__(self, job: Job, slot: Slot | None) -> None:
        self.job = job
        self._slot = slot
        self._asked = LeaseState.HELD

    @property
    def hold(self) -> LeaseState:
        """As the main process says, or the job itself has found."""
        said = self._slot.hold if self._slot else LeaseState.HELD
        return self._asked if said is LeaseState.HELD or self._asked is LeaseState.LOST else said

    @property
    def is_to_stop(self) -> bool:
        """Somebody cancelled the job, or this attempt is not the current one any more."""
        return self.hold is not LeaseState.HELD

    def ask_to_stop(self, hold: LeaseState) -> None:
        """From now on the job is to stop. The main process finds the same, and insists."""
        self._asked = hold

    def check(self) -> None:
        """CancelledError where the job is to stop."""
        if self.is_to_stop:
            raise CancelledError(f"Job {self.job.id} was asked to stop.")


class Leases:
    """Says in the process's slot which job holds a lease."""

    slot: Slot | None = None
    """None: this is no process of a worker."""

    @contextmanager
    def keep(self, job: Job) -> Iterator[ActiveLease]:
        """The job's lease is kept while the block runs."""
        if self.slot is None:
            yield ActiveLease(job, None)
            return
        self.slot.claim(job)
        try:
            yield ActiveLease(job, self.slot)
        finally:
            self.slot.release()


def finish_cancelled(ledger: Ledger, job: Leased, hold: LeaseState) -> None:
    """Record that the job has stopped because it was cancelled."""
    if hold is LeaseState.LOST:
        return  # whatever it is now, this attempt has no say in it
    try:
        ledger.attempts.stop(job)
    except TransitionError as error:
        _log.warning("outcome_refused", job_id=job.id, reason=str(error))
