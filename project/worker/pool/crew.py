"""Which child gets which job. All of this happens in the worker's first process.

A job goes to a child that is idle, or into the socket of one that is busy but soon done, so that
this one need not wait for us. What waits behind a job that turns out to take long is taken back
before anything younger is handed out.
"""

from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

import structlog

from project.worker.pool.ticket import Ticket

AHEAD = 4
"""So many jobs may wait in a child's socket: it need not wait for the first process between two."""
SOON_SECONDS = 0.02
"""A child that has been busy for longer is not done soon."""

_log = structlog.get_logger()


class Hands(Protocol):
    """A child, as far as jobs are put into its hands."""

    sent: deque[Ticket]
    is_leaving: bool

    def give(self, ticket: Ticket) -> bool: ...
    def take_back(self) -> list[Ticket]: ...
    def results(self) -> Iterable[tuple[Ticket, bool, Any]]: ...
    def dismiss(self) -> None: ...


Seated = TypeVar("Seated", bound=Hands)


class Crew(Generic[Seated]):
    """The children, and the jobs that wait for one."""

    def __init__(self) -> None:
        self.seats: list[Seated] = []
        self.waiting: deque[Ticket] = deque()
        """In the order in which they came."""

    def take(self, ticket: Ticket) -> None:
        """A new job."""
        self.waiting.append(ticket)
        self.hand_out()

    def hand_out(self) -> None:
        """Give each child that is idle a job, and those that are soon done some ahead."""
        if any(not seat.sent for seat in self.seats):
            self.recall()
        while self.waiting:
            least = min(filter(_has_room, self.seats), key=_count_sent, default=None)
            if least is None or not self._give(least):
                return

    def recall(self) -> None:
        """Take back what waits behind jobs that are not done soon."""
        for seat in self.seats:
            if len(seat.sent) > 1 and not _is_soon_done(seat):
                self._put_back(seat.take_back())

    def hear(self, seat: Seated) -> None:
        """Tell of the jobs that a child has finished."""
        for ticket, is_ok, value in seat.results():
            tell(ticket.on_success if is_ok else ticket.on_failure, value)
        if seat.is_leaving and not seat.sent:
            seat.dismiss()

    def settle(self) -> None:
        """Hear what has ended, and take back what has not begun: what remains is running now."""
        for seat in self.seats:
            self._put_back(seat.take_back())
            self.hear(seat)

    def retire(self, seat: Seated) -> None:
        """A child is to end after the job that it runs."""
        if not seat.is_leaving:
            seat.is_leaving = True
            self._put_back(seat.take_back())
            if not seat.sent:
                seat.dismiss()

    def leave(self, seat: Seated) -> list[Ticket]:
        """A child has ended: the jobs that ended with it. What it has not begun waits again."""
        self.seats.remove(seat)
        taken = seat.take_back()
        self.hear(seat)
        self._put_back(taken)
        return list(seat.sent)

    def _give(self, seat: Seated) -> bool:
        """Whether the child has got a job, or the next one was revoked meanwhile."""
        ticket = self.waiting.popleft()  # first: a signal's handler may empty what waits
        if ticket.is_revoked() or seat.give(ticket):
            return True
        self.waiting.appendleft(ticket)
        return False

    def _put_back(self, tickets: list[Ticket]) -> None:
        if tickets:
            waiting = (*tickets, *self.waiting)
            self.waiting = deque(sorted(waiting, key=lambda ticket: ticket.number))


def tell(callback: Any, *values: Any) -> None:
    """Call one of a job's callbacks: by an error of Celery's its loop would end, and the worker."""
    try:
        callback(*values)
    except Exception as error:  # noqa: BLE001 - whatever Celery raises; the message comes again
        _log.error("job_callback_failed", exc_info=error)


def _count_sent(seat: Hands) -> int:
    return len(seat.sent)


def _has_room(seat: Hands) -> bool:
    """Whether one more job may be put into its hands."""
    return not seat.is_leaving and len(seat.sent) <= AHEAD and _is_soon_done(seat)


def _is_soon_done(seat: Hands) -> bool:
    return not seat.sent or monotonic() - seat.sent[0].started_at < SOON_SECONDS
