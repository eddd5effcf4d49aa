"""A worker process as its main process sees it: real ones, that wait to be told to end."""

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from project.worker.engine.forking import Mask
from project.worker.engine.slot import Slot
from project.worker.engine.worker_process import WorkerProcess
from project.worker.process_identity import is_stopped
from tests.unit.test_slot import a_delivery
from tests.waiting import wait_until


def serve(line: socket.socket, mask: Mask, slot: Slot) -> None:
    """Run a job until the other end has gone."""
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    slot.begin(a_delivery(), 0, 0)
    line.recv(1)
    os._exit(0)


@pytest.fixture
def process() -> Iterator[WorkerProcess]:
    process = WorkerProcess(serve)
    wait_until(lambda: process.slot.running, 10)
    yield process
    if not process._is_closed:
        process.signal(signal.SIGKILL)
        process.await_end(10)
        process.close()


def test_process_goes_on_when_the_last_one_that_halted_it_is_done(process: WorkerProcess) -> None:
    with process.halted(1) as first:
        with process.halted(1) as second:
            assert first and second

        assert is_stopped(process.pid)

    wait_until(lambda: not is_stopped(process.pid), 10)


def test_process_stands_still_beyond_that_where_it_is_to(process: WorkerProcess) -> None:
    with process.halted(1) as is_running:
        process.halt()

    assert is_running
    assert is_stopped(process.pid)


def test_process_that_runs_another_job_is_told_apart(process: WorkerProcess) -> None:
    with process.halted(2) as is_running:
        assert not is_running


def test_process_that_has_ended_is_seen_before_it_is_reaped(process: WorkerProcess) -> None:
    assert not process.is_finished

    process.signal(signal.SIGKILL)
    process.await_end(10)

    assert process.is_finished
    with process.halted(1) as is_running:
        assert not is_running


def test_process_that_was_reaped_gets_no_signal_and_its_slot_can_still_be_read(
    process: WorkerProcess,
) -> None:
    """The supervisor may still look at it; another process may have its number."""
    process.signal(signal.SIGKILL)
    process.await_end(10)
    process.close()

    process.signal(signal.SIGKILL)

    assert process.is_finished
    assert process.slot.running == 1
