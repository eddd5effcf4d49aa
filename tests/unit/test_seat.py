"""A process of the pool as the worker's first process sees it."""

import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from project.worker.pool import packets
from project.worker.pool.forking import Mask
from project.worker.pool.packets import LARGEST_BYTES
from project.worker.pool.seat import Seat
from tests.unit.test_crew import a_ticket


def answer(line: socket.socket, _mask: Mask) -> None:
    """In the process: do one job, if it is to do any."""
    number, _, args = packets.receive(line, wait=True)
    packets.send(line, (number, True, len(args)))


@pytest.fixture
def seat() -> Iterator[Seat]:
    seat = Seat(answer)
    yield seat
    os.kill(seat.pid, signal.SIGKILL)
    seat.process.join()
    seat.close()


def count_opened() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def no_descriptors() -> Iterator[None]:
    """While this lasts this process can open nothing."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_large_job_waits_for_a_descriptor(seat: Seat) -> None:
    """It must not count as given: its process would never hear of it."""
    ticket = a_ticket()
    ticket.work = (None, b"x" * 2 * LARGEST_BYTES)

    with no_descriptors():
        assert not seat.give(ticket)
        assert not seat.sent

    assert seat.give(ticket)
    seat.await_end(30)
    assert list(seat.results()) == [(ticket, True, 2 * LARGEST_BYTES)]


def test_process_that_cannot_be_started_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fork() -> int:
        raise BlockingIOError("no process id is left")

    opened = count_opened()
    monkeypatch.setattr(os, "fork", fork)

    for _ in range(3):
        with pytest.raises(BlockingIOError):
            Seat(answer)

    assert count_opened() <= opened
