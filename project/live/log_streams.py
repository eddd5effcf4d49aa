"""What a stream of a job's own log tells: the lines that are there, each new one, then the end.

What is published is only that there are lines. They are read from the log itself, behind the last
one that was told: so none is lost and none is told twice, whatever was published when. `write_log`
tells the same as text.
"""

from collections.abc import Iterator

from project.api.log_text import write_lines
from project.api.presenting import present_log_line
from project.ledger import Ledger
from project.ledger.job_log import LINES_AT_ONCE, JobLog
from project.live.event_streams import Event, decode_change
from project.live.events import Listener, job_channel, log_channel

LOOK_SECONDS = 1.0
"""Whoever writes the log on looks for its end so often, should that not have been published."""


def write_log(
    ledger: Ledger,
    job_log: JobLog,
    listener: Listener,
    job_id: str,
    *,
    after: str = "",
    to_end: bool = False,
) -> Iterator[str]:
    """The log as text: the lines there are; with `to_end` each new one until the job has ended."""
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


class NewsOfLog:
    """The log of one job, until that has ended and its last line is told."""

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
        self._told = after
        self.is_over = False
        self.channels = (log_channel(job_id), job_channel(job_id))

    def read_state(self) -> Iterator[Event]:
        """Lines that were not told yet; the end, where the job has ended."""
        # First the job: a line that was written before its end is among those that are read then.
        job = self._ledger.get(self._job_id)
        yield from self._read_lines()
        if job.status.is_finished:
            self.is_over = True
            yield Event("end", {"status": job.status.value})

    def read_change(self, channel: str, text: str) -> Iterator[Event]:
        """There are lines, or the job has changed."""
        if channel == log_channel(self._job_id):
            yield from self._read_lines()
        elif decode_change(text).status.is_finished:
            yield from self.read_state()

    def look_again(self) -> Iterator[Event]:
        """A job that has expired ends its stream, and so does one whose end was not published."""
        return self.read_state()

    def _read_lines(self) -> Iterator[Event]:
        while lines := self._log.read(self._job_id, self._told):
            for line in lines:
                self._told = line.place
                yield Event("line", present_log_line(line), id=line.place)
            if len(lines) < LINES_AT_ONCE:
                return
