"""A new process of the pool has nothing of what made it but its own end of their line."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from project.worker.engine import ipc
from project.worker.engine.forking import Mask, PoolProcess, blocked_signals
from tests.waiting import wait_until

SIGNAL = signal.SIGUSR1


class Moment:
    """The first one of a new process: there it is sent the signal, if it is to be."""

    is_awaited = False

    def come(self) -> None:
        if self.is_awaited:
            os.kill(os.getpid(), SIGNAL)


_moment = Moment()
os.register_at_fork(after_in_child=_moment.come)


@pytest.fixture
def moment() -> Iterator[Moment]:
    _moment.is_awaited = True
    yield _moment
    _moment.is_awaited = False


@pytest.fixture
def handled() -> Iterator[list[str]]:
    """Who has handled the signal: in this process, whoever made the list has a handler for it."""
    names: list[str] = []
    earlier = signal.signal(SIGNAL, lambda *_: names.append("parent"))
    yield names
    signal.signal(SIGNAL, earlier)


def answer_of(serve: Callable[[Mask], Any]) -> Any:
    """What the function returns in a new process."""
    line, far_end = ipc.open_line()
    process = PoolProcess(far_end, lambda end, mask: ipc.send(end, serve(mask)))
    process.start()
    far_end.close()
    try:
        return ipc.receive(line, wait=True)
    finally:
        process.join()
        line.close()


@pytest.mark.usefixtures("moment")
def test_signal_of_the_first_moment_is_handled_by_the_process_itself(handled: list[str]) -> None:
    """Neither by the handler of who has forked it, nor not at all."""

    def serve(mask: Mask) -> list[str]:
        signal.signal(SIGNAL, lambda *_: handled.append("child"))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return handled

    assert answer_of(serve) == ["child"]
    assert handled == []


def test_signals_are_handled_again_by_who_has_forked(handled: list[str]) -> None:
    answer_of(lambda _mask: None)

    os.kill(os.getpid(), SIGNAL)

    assert handled == ["parent"]


def test_fork_that_fails_leaves_no_signal_blocked(handled: list[str]) -> None:
    with pytest.raises(BlockingIOError), blocked_signals():
        signal.pthread_kill(threading.get_ident(), SIGNAL)  # other threads would handle it
        assert handled == []
        raise BlockingIOError

    assert handled == ["parent"]


def test_mask_of_who_forks_comes_back() -> None:
    with blocked_signals() as before, blocked_signals() as inner:
        assert inner == signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}

    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_connections_of_who_forks_are_not_open_in_the_process() -> None:
    """Where one is closed, the other end hears of it."""
    near, far = socket.socketpair()
    held, holding = ipc.open_line()
    process = PoolProcess(holding, lambda end, _mask: ipc.receive(end, wait=True))
    process.start()
    try:
        near.close()

        far.settimeout(10)
        assert far.recv(1) == b""
    finally:
        ipc.send(held, "end")
        process.join()
        for end in (far, held, holding):
            end.close()


def test_copied_object_can_do_no_harm_in_the_process() -> None:
    """Its number is not that of anything that is opened later, and what it says gets nowhere."""
    near, far = socket.socketpair()

    def serve(_mask: Mask) -> tuple[bool, str]:
        with socket.socket() as later:
            is_free = later.fileno() == near.fileno()
            try:
                near.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                return is_free, type(error).__name__
        return is_free, ""

    with near, far:
        assert answer_of(serve) == (False, "OSError")
        near.send(b"still open")
        assert far.recv(100) == b"still open"


def test_file_stays_open_in_the_process(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_text("of a library")
    with path.open() as file:
        assert answer_of(lambda _mask: file.read()) == "of a library"


def test_process_ends_when_who_has_forked_it_is_gone() -> None:
    """It has no copy of the other end of its line, nor has one that was forked later."""
    lines = [ipc.open_line() for _ in range(2)]
    processes = [PoolProcess(far, lambda end, _mask: await_end(end)) for _, far in lines]
    for process in processes:
        process.start()
    try:
        for near, far in lines:
            near.close()
            far.close()

        for process in processes:
            wait_until(lambda process=process: not process.is_alive(), 10, "it to end")
            assert process.exitcode == 0
    finally:
        for process in processes:
            if process.is_alive():
                os.kill(process.pid, signal.SIGKILL)


def await_end(line: socket.socket) -> None:
    """Until nobody has the other end."""
    with pytest.raises(EOFError):
        ipc.receive(line, wait=True)
