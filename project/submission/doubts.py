"""Jobs whose confirm may have been noted although their client was told 503.

When Redis ends, its last answers are lost. It lets no job begin for some seconds after its start
(`SETTLE_SECONDS` in the ledger's store); in that time these jobs are withdrawn.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterable

import structlog
from redis import RedisError

from project.errors import TransitionError
from project.ledger import Job, Ledger

PAUSE_SECONDS = 0.2
"""Redis is asked this often whether it is back."""
MOST = 10_000
"""So many jobs are remembered; in two seconds no process submits as many."""

_log = structlog.get_logger()


class Doubts:
    """Withdraws jobs as soon as Redis answers; a thread that lives as long as there are any."""

    def __init__(self, ledger: Ledger, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._ledger = ledger
        self._pause_seconds = pause_seconds
        self._jobs: deque[Job] = deque(maxlen=MOST)
        self._lock = threading.Lock()
        self._pid = 0

    def add(self, jobs: Iterable[Job]) -> None:
        """Have these jobs withdrawn."""
        with self._lock:
            self._jobs.extend(jobs)
            if self._jobs and self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="doubts", daemon=True).start()

    def _run(self) -> None:
        structlog.contextvars.clear_contextvars()
        while True:
            with self._lock:
                if not self._jobs:
                    self._pid = 0
                    return
                job = self._jobs[0]
            if self._settle(job):
                self._jobs.popleft()
            else:
                time.sleep(self._pause_seconds)

    def _settle(self, job: Job) -> bool:
        """Whether that is done; if not, Redis is away."""
        try:
            self._ledger.withdraw(job, is_in_doubt=True)
            _log.warning("job_withdrawn", job_id=job.id, kind=job.kind, reason="in doubt")
        except TransitionError as refused:
            _log.info("doubt_settled", job_id=job.id, reason=str(refused))
        except RedisError:
            return False
        return True
