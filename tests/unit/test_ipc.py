"""What a worker's processes send each other arrives whole and once."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.worker.engine import ipc

Line = tuple[socket.socket, socket.socket]


@pytest.fixture
def line() -> Iterator[Line]:
    near, far = ipc.open_line()
    yield near, far
    near.close()
    far.close()


def test_values_arrive_one_by_one_in_their_order(line: Line) -> None:
    near, far = line

    ipc.send(near, (1, "a"))
    ipc.send(near, (2, "b"))

    assert ipc.receive(far, wait=True) == (1, "a")
    assert ipc.receive(far, wait=True) == (2, "b")
    assert ipc.receive(far, wait=False) is None


@pytest.mark.parametrize("size", [ipc.LARGEST_BYTES - 100, ipc.LARGEST_BYTES, 5_000_000])
def test_large_value_arrives_whole_and_leaves_no_descriptor(line: Line, size: int) -> None:
    near, far = line
    before = len(list(Path("/proc/self/fd").iterdir()))

    ipc.send(near, b"x" * size)

    assert ipc.receive(far, wait=True) == b"x" * size
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_full_line_is_told_to_who_does_not_wait(line: Line) -> None:
    near, _ = line
    near.setblocking(False)

    with pytest.raises(BlockingIOError):
        for _ in range(1000):
            ipc.send(near, b"x" * 40_000)


def test_end_of_the_line_is_told(line: Line) -> None:
    near, far = line
    near.close()

    with pytest.raises(EOFError):
        ipc.receive(far, wait=True)
