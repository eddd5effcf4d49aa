"""The job that runs in this process, its lease, and how the job is stopped.

The worker's main process renews the lease and writes to the process's slot when the job must stop
(`engine.supervisor`). A job is asked first: its next progress report or `check` raises
CancelledError. A job that ignores this is interrupted, then killed with its process; RabbitMQ
redelivers its message, which is dropped, because the ledger says `cancelled` by then.

A job whose lease cannot be renewed is stopped in the same way before the lease expires, because
another worker may run it after that.
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
"""A job that was asked to stop and has not stopped is interrupted after this time."""
KILL_SECONDS = 10.0
"""It is killed after this time."""

FENCE_SECONDS = LEASE_SECONDS - KILL_SECONDS - 8
"""A job whose lease was last renewed this long ago is asked to stop, and ends before the lease
does. The eight seconds allow for a call that hangs at each step up to the kill."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a job has to stop, and how long it may run without a renewal of its lease."""

    interrupt_seconds: float = INTERRUPT_SECONDS
    kill_seconds: float = KILL_SECONDS
    fence_seconds: float = FENCE_SECONDS


class ActiveLease:
    """The running job, and whether it must stop."""

    def __init__(self, job: Job, slot: Slot | None) -> None:
        self.job = job
        self._slot = slot
        self._asked = LeaseState.HELD

    @property
    def hold(self) -> LeaseState:
        """The lease's state, as found by the main process or by the job itself."""
        said = self._slot.hold if self._slot else LeaseState.HELD
        return self._asked if said is LeaseState.HELD or self._asked is LeaseState.LOST else said

    @property
    def is_to_stop(self) -> bool:
        """Whether somebody cancelled the job, or this attempt is no longer the current one."""
        return self.hold is not LeaseState.HELD

    def ask_to_stop(self, hold: LeaseState) -> None:
        """Ask the job to stop. The main process will notice the same, and enforce it."""
        self._asked = hold

    def check(self) -> None:
        """Raise CancelledError if the job must stop."""
        if self.is_to_stop:
            raise CancelledError(f"Job {self.job.id} was asked to stop.")


class Leases:
    """Writes to the process's slot which job holds a lease."""

    slot: Slot | None = None
    """None: this is not a worker process."""

    @contextmanager
    def keep(self, job: Job) -> Iterator[ActiveLease]:
        """Keep the job's lease while the block runs."""
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
        return  # this attempt may no longer change the job
    try:
        ledger.attempts.stop(job)
    except TransitionError as error:
        _log.warning("outcome_refused", job_id=job.id, reason=str(error))
