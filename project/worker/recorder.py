"""Writes what a job's code logs to the job's own log.

The job's thread only puts lines into a queue. Another thread of this process writes them in
batches: so a line costs the job no round trip, and Redis may be unavailable. Meanwhile the queue
keeps the newest lines; lost lines show as a gap in the line numbers. The end of the attempt waits a
short time for the writer, so that whoever sees the outcome sees the whole log.

Lines of threads that the job starts are recorded if they run in a copy of its context; lines of
subprocesses are not. A killed process loses the lines of its last tenth of a second.
"""

import os
import threading
import traceback
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

import structlog
from redis import RedisError, ResponseError

from project.ledger import Job
from project.ledger.job import JobError, format_time
from project.ledger.job_log import JobLog
from project.ledger.log_line import LogLine, describe_value, encode_line
from project.observability.binding import about, read_bound
from project.observability.job_log import ERROR, MESSAGE, Capture
from project.worker.printing import flush_prints

BATCH_SECONDS = 0.1
"""Pause between two writes: a job that logs constantly costs ten calls a second."""
BATCH_LINES = 200
RETRY_SECONDS = 0.5
"""Pause after a failed write."""
FLUSH_SECONDS = 1.0
"""How long the end of an attempt waits for its last lines to be written."""

# Fields that the pipeline adds to each event; all others come from the job's code.
_CORE = frozenset(
    {
        *("event", "message", "timestamp", "level", "logger", ERROR, MESSAGE),
        *("error_type", "error_message", "error_stack_trace"),
    }
)

_log = structlog.get_logger()


class _Entry(NamedTuple):
    """A line that waits to be written."""

    number: int
    """Its number among all entries of this process."""
    job: Job
    place: str
    text: str


class Recorder:
    """One writer per process; its thread starts with the first line, after the pool's fork."""

    def __init__(
        self,
        log: JobLog,
        kept_lines: int,
        *,
        batch_seconds: float = BATCH_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._log = log
        self._kept_lines = kept_lines
        self._batch_seconds = batch_seconds
        self._retry_seconds = retry_seconds
        self._flush_seconds = flush_seconds
        self._waiting: deque[_Entry] = deque(maxlen=kept_lines)
        self._batch: list[_Entry] = []
        self._added = self._handled = 0
        # Reentrant, because the job's own signal handler may log while a line is being put.
        self.lock = threading.RLock()
        self._progress = threading.Condition()
        self._work, self._hurry = threading.Event(), threading.Event()
        self._is_failing = False
        self._pid = 0

    def recording(self, job: Job) -> AbstractContextManager[None]:
        """Record what the block logs as the log of the job's current attempt."""
        return _Recording(self, job) if self._kept_lines else nullcontext()

    def put(self, job: Job, line: LogLine) -> None:
        """Queue the line. The caller holds the lock."""
        text = encode_line(line)
        self._added += 1
        self._waiting.append(_Entry(self._added, job, line.place, text))
        if self._pid != os.getpid():
            self._pid = os.getpid()
            threading.Thread(target=self._run, name="job-log", daemon=True).start()
        if not self._work.is_set():
            self._work.set()

    def flush(self) -> None:
        """Wait until all lines are written or given up, up to the time limit."""
        last = self._added
        if self._handled >= last:
            return
        self._hurry.set()
        self._work.set()
        with self._progress:
            self._progress.wait_for(lambda: self._handled >= last, self._flush_seconds)

    # ── The writer's thread ────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            if self._write_waiting():
                self._hurry.wait(self._batch_seconds)
            else:
                self._hurry.wait(self._retry_seconds)
                self._work.set()
            self._hurry.clear()

    def _write_waiting(self) -> bool:
        """Write the waiting lines; returns False if the write must be retried."""
        while self._batch or self._take():
            try:
                self._write()
            except ResponseError as error:  # such as full memory: these lines are lost
                self._complain(error)
            except RedisError as error:
                self._complain(error)
                return False
            else:
                self._is_failing = False
            with self._progress:
                self._handled = self._batch[-1].number
                self._progress.notify_all()
            self._batch = []
        return True

    def _take(self) -> bool:
        while self._waiting and len(self._batch) < BATCH_LINES:
            self._batch.append(self._waiting.popleft())
        return bool(self._batch)

    def _write(self) -> None:
        for job_id, entries in groupby(self._batch, key=lambda entry: entry.job.id):
            lines = [(entry.place, entry.text) for entry in entries]
            self._log.append(job_id, lines, self._kept_lines)

    def _complain(self, error: RedisError) -> None:
        """Log the error, once per outage."""
        if not self._is_failing:
            self._is_failing = True
            with about(self._batch[0].job):
                _log.warning("job_log_not_written", reason=str(error))


class _Recording(Capture):
    """Records one attempt. A class is the cheapest way for a job that logs nothing."""

    __slots__ = ("_bound", "_job", "_number", "_pid", "_recorder")

    def __init__(self, recorder: Recorder, job: Job) -> None:
        super().__init__(self._take)
        self._recorder = recorder
        self._job = job
        self._bound = read_bound()
        self._pid = os.getpid()
        self._number = 0

    def __exit__(self, *error: object) -> None:
        try:
            try:
                flush_prints()
            finally:
                super().__exit__(*error)
        finally:
            self._recorder.flush()

    def _take(self, event: Mapping[str, Any]) -> None:
        if os.getpid() != self._pid:
            return  # in a process that the job forked there is no writer thread
        with self._recorder.lock:
            self._number += 1
            line = make_line(event, self._bound, self._job.attempt, self._number)
            self._recorder.put(self._job, line)


def make_line(
    event: Mapping[str, Any], bound: Mapping[str, Any], attempt: int, number: int
) -> LogLine:
    """Turn a pipeline event into a line, without the fields bound before the job's code ran."""
    return LogLine(
        attempt=attempt,
        number=number,
        time=str(event.get("timestamp") or format_time(datetime.now(UTC))),
        level=str(event.get("level", "info")),
        message=str(event.get(MESSAGE) or event.get("message") or event.get("event", "")),
        logger=str(event.get("logger", "")),
        fields={
            name: value
            for name, value in event.items()
            if name not in _CORE and bound.get(name, event) is not value
        },
        error=_find_error(event),
    )


def _find_error(event: Mapping[str, Any]) -> JobError | None:
    error = event.get(ERROR)
    if error is None:
        return None
    return JobError(
        type(error).__name__,
        describe_value(error, str),
        "".join(traceback.format_exception(error)),
    )
