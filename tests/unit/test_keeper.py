"""The keeper of a running job's lease, with a ledger that answers as it is told."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field

import pytest
from redis import ConnectionError as RedisConnectionError

from project.errors import CancelledError
from project.ledger import Job, Status
from project.ledger.store import Hold
from project.worker.holder import is_gone, is_halted, name_holder
from project.worker.keeper import Keeper
from tests.builders import a_job
from tests.waiting import wait_until


@dataclass
class Book:
    """Stands in for the ledger."""

    hold: Hold = Hold.HELD
    is_away: bool = False
    renewed: list[str] = field(default_factory=list)
    finished: list[Status] = field(default_factory=list)

    def renew(self, job: Job) -> Hold:
        self.renewed.append(job.id)
        if self.is_away:
            raise RedisConnectionError
        return self.hold

    def stop(self, _job: Job) -> None:
        self.finished.append(Status.CANCELLED)


def keeper_of(book: Book, signals: list[int], **times: float) -> Keeper:
    seconds = {"renew_seconds": 0.01, "interrupt_seconds": 60.0, "kill_seconds": 60.0} | times
    return Keeper(book, send_signal=signals.append, **seconds)  # type: ignore[arg-type]


def test_lease_is_renewed_while_the_job_runs_and_no_longer() -> None:
    book, job = Book(), a_job()

    with keeper_of(book, []).keep(job) as held:
        wait_until(lambda: len(book.renewed) >= 3, 5)
        assert not held.is_to_stop
    after = len(book.renewed)

    assert set(book.renewed) == {job.id}
    with keeper_of(other := Book(), []).keep(a_job()):
        wait_until(lambda: len(other.renewed) >= 5, 5)
    assert len(book.renewed) <= after + 1  # the one that was under way


@pytest.mark.parametrize("hold", [Hold.CANCEL, Hold.LOST])
def test_job_that_does_not_listen_is_interrupted_once(hold: Hold) -> None:
    book, signals = Book(hold), []

    with keeper_of(book, signals, interrupt_seconds=0).keep(a_job()) as held:
        wait_until(lambda: len(book.renewed) >= 5, 5)

    assert held.is_to_stop
    assert signals == [signal.SIGUSR1]
    assert book.finished == []


def test_job_that_survives_its_interruption_is_recorded_and_killed() -> None:
    book, signals = Book(Hold.CANCEL), []

    with keeper_of(book, signals, kill_seconds=0).keep(a_job()):
        wait_until(lambda: signal.SIGKILL in signals, 5)

    assert book.finished[0] is Status.CANCELLED


def test_attempt_that_is_not_the_current_one_is_killed_without_a_word() -> None:
    book, signals = Book(Hold.LOST), []

    with keeper_of(book, signals, kill_seconds=0).keep(a_job()):
        wait_until(lambda: signal.SIGKILL in signals, 5)

    assert book.finished == []


def test_job_whose_lease_cannot_be_renewed_is_stopped_before_it_runs_out() -> None:
    """From then on another worker may run it."""
    book, signals = Book(is_away=True), []

    with keeper_of(book, signals, fence_seconds=0, interrupt_seconds=0).keep(a_job()) as held:
        wait_until(lambda: signals, 5)

        with pytest.raises(CancelledError):
            held.check()
    assert held.hold is Hold.LOST
    assert book.finished == []


def test_short_outage_stops_no_job() -> None:
    book, signals = Book(is_away=True), []

    with keeper_of(book, signals, fence_seconds=60).keep(a_job()) as held:
        wait_until(lambda: len(book.renewed) >= 3, 5)
        book.is_away = False
        wait_until(lambda: len(book.renewed) >= 6, 5)

        held.check()
    assert signals == []


def test_living_process_is_not_gone() -> None:
    assert not is_gone(f"{name_holder()}")


def test_ended_process_is_gone() -> None:
    code = "from project.worker.holder import name_holder; print(name_holder())"
    holder = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()

    assert is_gone(f"{holder}")


def test_other_process_with_the_same_number_is_not_the_holder() -> None:
    assert is_gone(f"{socket.gethostname()}:{os.getpid()}:1")


def test_process_on_another_host_is_not_known_to_be_gone() -> None:
    assert not is_gone("elsewhere:1:1")


def test_process_that_stands_still_is_halted_and_not_gone() -> None:
    code = (
        "import os, signal, sys; from project.worker.holder import name_holder;"
        "print(name_holder(), flush=True); os.kill(os.getpid(), signal.SIGSTOP)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        holder = child.stdout.readline().strip()
        wait_until(lambda: is_halted(holder), 10)
        assert not is_gone(holder)

        child.kill()

    assert is_gone(holder)
    assert not is_halted(holder)
    assert not is_halted(name_holder())
    assert not is_halted("elsewhere:1:1")
