"""What this process has told its clients lately, for the case that Redis ends.

A Redis that ends has executed calls whose answers it did not send, and it may have sent answers to
calls that it had not written to its log yet (it writes late while the disk is busy). So when it is
back,

- a job whose confirm may have been noted, although its client was told 503, is withdrawn;
- a job whose client was told 202, and that is merely accepted again, is confirmed again.

Redis lets no job begin for some seconds after its start (`project.ledger.startup_grace`).
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from time import monotonic

import structlog
from redis import RedisError

from project.errors import TransitionError
from project.ledger import Job, Ledger
from project.observability.binding import about, leave

PAUSE_SECONDS = 0.25
"""Redis is looked at this often, while there is something to remember."""
KEEP_SECONDS = 5.0
"""A confirm that is older is on Redis's disk: it writes two seconds late at the most."""
MOST = 20_000
"""So many jobs are remembered; no process confirms as many in that time."""

_log = structlog.get_logger()


class ConfirmRecovery:
    """Remembers for a while; its thread lives as long as there is something to remember."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        pause_seconds: float = PAUSE_SECONDS,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._pause_seconds = pause_seconds
        self._keep_seconds = keep_seconds
        self._doubts: deque[tuple[Job, str]] = deque(maxlen=MOST)
        self._confirmed: deque[tuple[float, str, str]] = deque(maxlen=MOST)
        self._boot = ""
        self._lock = threading.Lock()
        self._pid = 0

    def doubt(self, jobs: Iterable[Job], by: str) -> None:
        """Their clients were told 503; nobody knows whether that submit's confirms were noted."""
        self._doubts.extend((job, by) for job in jobs)
        self._start()

    def remember(self, jobs: Iterable[Job]) -> None:
        """Their clients are told 202: their confirms were noted."""
        now = monotonic()
        self._confirmed.extend((now, job.id, job.trace_id) for job in jobs)
        self._start()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to remember."""
        return self._pid == 0

    def _start(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="recovery", daemon=True).start()

    def _run(self) -> None:
        leave()
        while True:
            try:
                self._look()
            except RedisError:
                pass  # away: nothing is forgotten meanwhile
            except Exception as error:  # noqa: BLE001 - the thread must not end; it tells
                _log.error("confirm_recovery_failed", exc_info=error)
            with self._lock:
                if not self._doubts and not self._confirmed:
                    self._pid, self._boot = 0, ""
                    return
            time.sleep(self._pause_seconds)

    def _look(self) -> None:
        boot = self._ledger.read_boot()
        if self._boot not in {"", boot}:
            for _, job_id, trace_id in list(self._confirmed):
                self._confirm_again(job_id, trace_id)
        self._boot = boot
        while self._doubts:
            job, by = self._doubts[0]
            with about(job):
                self._withdraw(job, by)
            self._doubts.popleft()
        oldest = monotonic() - self._keep_seconds
        while self._confirmed and self._confirmed[0][0] < oldest:
            self._confirmed.popleft()

    def _confirm_again(self, job_id: str, trace_id: str) -> None:
        try:
            self._ledger.admissions.confirm_again(job_id)
        except TransitionError:
            return  # nothing of it was lost, or all: then its message describes it
        _log.warning("job_confirmed_again", job_id=job_id, trace_id=trace_id)

    def _withdraw(self, job: Job, by: str) -> None:
        try:
            self._ledger.admissions.withdraw(job, in_doubt_by=by)
        except TransitionError as refused:
            _log.info("doubt_settled", job_id=job.id, reason=str(refused))
        else:
            _log.warning("job_withdrawn", job_id=job.id, kind=job.kind, reason="in doubt")
