"""Remembers this process's latest answers to clients, in case Redis restarts.

A Redis that stops may have executed calls without sending the answers, and may have answered calls
that it had not written to its log yet (it writes late while the disk is busy). So when it is back,

- a job whose confirm may have been recorded, although its client got 503, is withdrawn;
- a job whose client got 202, and that is back to accepted, is confirmed again.

For some seconds after Redis has started, no job may begin (`project.ledger.startup_grace`).
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
"""How often Redis is checked while there is something to remember."""
KEEP_SECONDS = 5.0
"""An older confirm is on Redis's disk, because Redis writes at most two seconds late."""
MOST = 20_000
"""How many jobs are remembered; no process confirms that many in KEEP_SECONDS."""

_log = structlog.get_logger()


class ConfirmRecovery:
    """Remembers answers for a while; its thread runs while there is something to remember."""

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
        """Remember jobs whose clients got 503, although their confirms may have been recorded."""
        self._doubts.extend((job, by) for job in jobs)
        self._start()

    def remember(self, jobs: Iterable[Job]) -> None:
        """Remember jobs whose clients get 202: their confirms were recorded."""
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
                pass  # Redis is unavailable; nothing is forgotten meanwhile
            except Exception as error:  # noqa: BLE001 - the thread must not end; it logs
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
            return  # Redis lost nothing of it, or all: then its message describes it
        _log.warning("job_confirmed_again", job_id=job_id, trace_id=trace_id)

    def _withdraw(self, job: Job, by: str) -> None:
        try:
            self._ledger.admissions.withdraw(job, in_doubt_by=by)
        except TransitionError as refused:
            _log.info("doubt_settled", job_id=job.id, reason=str(refused))
        else:
            _log.warning("job_withdrawn", job_id=job.id, kind=job.kind, reason="in doubt")
