"""One process of the pool, as the first process sees it: a child, and the jobs in its hands."""

import os
import select
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any

from billiard.einfo import ExceptionInfo

from project.worker.pool import packets
from project.worker.pool.allowance import was_long
from project.worker.pool.child import STOP
from project.worker.pool.crew import tell
from project.worker.pool.forking import Mask, PoolProcess
from project.worker.pool.ticket import Ticket

UNREADABLE = 0
"""Stands for the number of an answer that could not be read; it is that of what runs."""


class Seat:
    """A child, from its start to its end."""

    def __init__(self, serve: Callable[[socket.socket, Mask], None]) -> None:
        self.line, self._far_end = packets.open_line()
        self.line.setblocking(False)
        self.sent: deque[Ticket] = deque()
        """What it has been given: first what it runs, then what waits in its socket."""
        self.done = 0
        self.weighed_at = 0
        self.has_done_long = False
        """A long job has ended, and nobody has looked how large it is since."""
        self.is_leaving = False
        self.began_at = monotonic()
        self.process = PoolProcess(self._far_end, serve)
        self.process.start()
        self.pid: int = self.process.pid
        self.life = os.pidfd_open(self.pid)
        """Becomes readable when it has ended."""

    @property
    def running(self) -> Ticket | None:
        """What it runs."""
        return self.sent[0] if self.sent else None

    def give(self, ticket: Ticket) -> bool:
        """Send it a job; False: its socket is full, or there is no descriptor for a large job."""
        try:
            packets.send(self.line, (ticket.number, *ticket.work))
        except OSError:  # not that it has ended: this process holds the far end, too
            return False
        self.sent.append(ticket)
        if len(self.sent) == 1:
            self._begin(ticket)
        return True

    def results(self) -> Iterator[tuple[Ticket, bool, Any]]:
        """What it has finished by now: the job, whether its function returned, and with what."""
        while (answer := self._receive()) is not None:
            number, is_ok, value = answer
            if not self.sent or number not in {self.sent[0].number, UNREADABLE}:
                continue  # it had reached its limit, and all has been said about it
            ticket = self.sent.popleft()
            self.done += 1
            self.has_done_long = self.has_done_long or was_long(ticket.started_at)
            if self.sent:
                self._begin(self.sent[0])
            yield ticket, is_ok, value

    def take_back(self) -> list[Ticket]:
        """The jobs that it has not begun with, oldest first; it will not see them."""
        numbers = {order[0] for order in self._unread_orders() if order != STOP}
        taken = [ticket for ticket in self.sent if ticket.number in numbers]
        for ticket in taken:
            self.sent.remove(ticket)
            ticket.started_at = 0.0
        return taken

    def _unread_orders(self) -> Iterator[tuple[Any, ...]]:
        with suppress(OSError):  # closed already
            while (order := packets.receive(self._far_end, wait=False)) is not None:
                yield order

    def dismiss(self) -> None:
        """Have it end when it has nothing to do."""
        with suppress(OSError):
            packets.send(self.line, STOP)

    def await_end(self, seconds: float) -> None:
        """Wait until it has ended, as long as that."""
        # Not by billiard's own `join`: it waits for a pipe, which there is not.
        end = select.poll()
        end.register(self.life, select.POLLIN)
        end.poll(seconds * 1000)

    def close(self) -> None:
        """Let go of what belonged to a child that has ended."""
        self.line.close()
        self._far_end.close()
        os.close(self.life)

    def _receive(self) -> Any:
        try:
            return packets.receive(self.line, wait=False)
        except (OSError, EOFError):
            return None
        except Exception:  # noqa: BLE001 - whatever reading a stranger's value raises
            return UNREADABLE, False, ExceptionInfo()

    def _begin(self, ticket: Ticket) -> None:
        ticket.started_at = monotonic()
        tell(ticket.on_accepted, self.pid, ticket.started_at)
