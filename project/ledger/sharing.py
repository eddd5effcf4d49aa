"""Round trips to Redis that concurrent callers share.

Who comes while a round trip is under way waits for its end; then one of those who have gathered
sends the calls of all. So a busy web process makes few round trips, each with many calls, and Redis
reads and answers each client less often.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from redis import RedisError

from project.ledger.exchange import Call

Exchange = Callable[[Sequence[Call]], list[Any]]
"""Makes one round trip: an answer for each call; see `Exchange.call`."""

SHARED_CALLS = 50
"""Whoever has more calls sends them alone: others would wait for theirs."""


class SharedTrips:
    """Has them made. Threads, greenlets and forks may use the same one."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lines: dict[int, _Line] = {}

    def exchange(self, calls: Sequence[Call]) -> list[Any]:
        """An answer for each call, or the error that Redis answered.

        Raises what the round trip raised. If Redis is away, those who have gathered meanwhile hear
        the same: each would wait for its own time-out otherwise, one after the other.
        """
        if len(calls) > SHARED_CALLS:
            return self._exchange(calls)
        return self._own_line().send(calls)

    def _own_line(self) -> "_Line":
        """This process's: in a fork, nobody ends a round trip that was under way."""
        pid = os.getpid()
        if pid not in self._lines:
            # Two threads may make one; both use the first.
            self._lines.setdefault(pid, _Line(self._exchange))
        return self._lines[pid]


class _Ticket:
    """One caller's calls, and what came of them."""

    __slots__ = ("answers", "calls", "failure")

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.answers: list[Any] | None = None
        self.failure: RedisError | None = None

    @property
    def is_settled(self) -> bool:
        return self.answers is not None or self.failure is not None


class _Line:
    """Who waits for the next round trip."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._turn = threading.Lock()
        self._gathered: deque[_Ticket] = deque()

    def send(self, calls: Sequence[Call]) -> list[Any]:
        ticket = _Ticket(calls)
        self._gathered.append(ticket)
        with self._turn:
            if not ticket.is_settled:
                self._send_gathered(ticket)
        if ticket.failure is not None:
            raise ticket.failure
        return ticket.answers or []

    def _send_gathered(self, own: _Ticket) -> None:
        """One's own, too, where an earlier sender was interrupted with it in its hands."""
        tickets = [own, *(ticket for ticket in self._take() if ticket is not own)]
        try:
            answers = iter(self._exchange([call for ticket in tickets for call in ticket.calls]))
        except RedisError as error:
            for ticket in (*tickets, *self._take()):
                ticket.failure = error
        else:
            for ticket in tickets:
                ticket.answers = [next(answers) for _ in ticket.calls]

    def _take(self) -> list[_Ticket]:
        return [self._gathered.popleft() for _ in range(len(self._gathered))]
