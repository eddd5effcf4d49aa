"""What a stream of a job's own log sends: the existing lines, each new one, then the end.

A published message says only that there are new lines. The stream reads them from the log itself,
after the last line that it sent, so it neither loses nor repeats lines, whatever was published
when. `write_log` yields the same as text.
"""

from collections.abc import Iterator

from project.api.job_log import serialize_log_line, write_lines
from project.ledger import Ledger
from project.ledger.job_log import LINES_AT_ONCE, JobLog
from project.live.event_streams import Event, decode_change
from project.live.events import Listener, job_channel, log_channel

LOOK_SECONDS = 1.0
"""How often `write_log` checks whether the job has finished, in case that was not published."""


def write_log(
    ledger: Ledger,
    job_log: JobLog,
    listener: Listener,
    job_id: str,
    *,
    after: str = "",
    to_end: bool = False,
) -> Iterator[str]:
    """The log as text: existing lines; with `to_end` also each new one until the job finishes."""
    channels = (log_channel(job_id), job_channel(job_id)) if to_end else ()
    attempt = 0
    with listener.listen(channels) as inbox:
        while True:
            is_over = ledger.get(job_id).status.is_finished or not to_end
            while lines := job_log.read(job_id, after):
                yield write_lines(lines, attempt)
                after, attempt = lines[-1].place, lines[-1].attempt
            if is_over:
                return
            inbox.get(LOOK_SECONDS)


class LogEvents:
    """One job's log, until the job has finished and its last line is sent."""

    def __init__(
        self,
        ledger: Ledger,
        job_log: JobLog,
        job_id: str,
        *,
        after: str = "",
        newest: int | None = None,
    ) -> None:
        ledger.get(job_id)  # an unknown id is a 404, not an empty stream
        self._ledger = ledger
        self._log = job_log
        self._job_id = job_id
        if newest is not None and not after:
            after = self._log.find_start(job_id, newest)
        self._sent = after
        self.is_over = False
        self.channels = (log_channel(job_id), job_channel(job_id))

    def read_state(self) -> Iterator[Event]:
        """Lines that were not sent yet; `end` if the job has finished."""
        # Read the job first: lines written before its end are then among the lines read below.
        job = self._ledger.get(self._job_id)
        yield from self._read_lines()
        if job.status.is_finished:
            self.is_over = True
            yield Event("end", {"status": job.status.value})

    def read_change(self, channel: str, text: str) -> Iterator[Event]:
        """New lines, or the end if the job has finished."""
        if channel == log_channel(self._job_id):
            yield from self._read_lines()
        elif decode_change(text).status.is_finished:
            yield from self.read_state()

    def look_again(self) -> Iterator[Event]:
        """Read the job again: it may have expired, or its end may not have been published."""
        return self.read_state()

    def _read_lines(self) -> Iterator[Event]:
        while lines := self._log.read(self._job_id, self._sent):
            for line in lines:
                self._sent = line.place
                yield Event("line", serialize_log_line(line), id=line.place)
            if len(lines) < LINES_AT_ONCE:
                return
