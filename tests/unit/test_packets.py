"""What a worker's processes send each other arrives whole, once, and can be taken back."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.worker.pool import packets

Line = tuple[socket.socket, socket.socket]


@pytest.fixture
def line() -> Iterator[Line]:
    near, far = packets.open_line()
    yield near, far
    near.close()
    far.close()


def test_values_arrive_one_by_one_in_their_order(line: Line) -> None:
    near, far = line

    packets.send(near, (1, "a"))
    packets.send(near, (2, "b"))

    assert packets.receive(far, wait=True) == (1, "a")
    assert packets.receive(far, wait=True) == (2, "b")
    assert packets.receive(far, wait=False) is None


@pytest.mark.parametrize("size", [packets.LARGEST_BYTES - 100, packets.LARGEST_BYTES, 5_000_000])
def test_large_value_arrives_whole_and_leaves_no_descriptor(line: Line, size: int) -> None:
    near, far = line
    before = len(list(Path("/proc/self/fd").iterdir()))

    packets.send(near, b"x" * size)

    assert packets.receive(far, wait=True) == b"x" * size
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_was_taken_back_is_not_received_any_more(line: Line) -> None:
    near, far = line
    packets.send(near, 1)
    packets.send(near, 2)

    assert packets.receive(far, wait=True) == 1
    taken_back = packets.receive(far, wait=False)

    assert taken_back == 2
    assert packets.receive(far, wait=False) is None


def test_full_line_is_told_to_who_does_not_wait(line: Line) -> None:
    near, _ = line
    near.setblocking(False)

    with pytest.raises(BlockingIOError):
        for _ in range(1000):
            packets.send(near, b"x" * 40_000)


def test_end_of_the_line_is_told(line: Line) -> None:
    near, far = line
    near.close()

    with pytest.raises(EOFError):
        packets.receive(far, wait=True)
