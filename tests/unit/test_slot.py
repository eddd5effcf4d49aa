"""What a process writes into its slot is what the main process reads there."""

import os
from collections.abc import Iterator

import pytest

from project.worker.engine.delivery import Delivery
from project.worker.engine.slot import Slot
from tests.unit.test_frames import HEADERS, a_deliver, a_header


class Nobody:
    """Settles nothing."""

    def ack(self, delivery: Delivery) -> None: ...
    def reject(self, delivery: Delivery, *, requeue: bool) -> None: ...


def a_delivery(body: bytes = b"[[], {}, {}]") -> Delivery:
    header = a_header(len(body), application_headers=HEADERS, content_type="application/json")
    return Delivery(Nobody(), 1, a_deliver(), header, body)


@pytest.fixture
def slot() -> Iterator[Slot]:
    slot = Slot()
    yield slot
    slot.close()


def test_process_that_runs_nothing_says_so(slot: Slot) -> None:
    assert slot.read() is None

    slot.begin(a_delivery(), 1, 2)
    slot.end(1)

    assert slot.read() is None
    assert (slot.running, slot.done) == (0, 1)


def test_job_that_runs_can_be_read(slot: Slot) -> None:
    delivery = a_delivery()

    slot.begin(delivery, 1.5, 2.5)

    run = slot.read()
    assert run is not None
    assert (run.token, run.soft_limit_seconds, run.hard_limit_seconds) == (1, 1.5, 2.5)
    assert (run.deliver, run.header, run.body) == (
        delivery.raw_deliver,
        delivery.raw_header,
        delivery.raw_body,
    )


def test_body_that_is_too_long_for_it_is_left_out(slot: Slot) -> None:
    slot.begin(a_delivery(b"x" * 300_000), 0, 0)

    run = slot.read()
    assert run is not None
    assert run.body == b""
    assert run.header


def test_signal_is_meant_for_the_job_that_was_aimed_at(slot: Slot) -> None:
    slot.begin(a_delivery(), 0, 0)
    assert slot.is_meant()

    slot.aim(1)
    assert slot.is_meant()

    slot.begin(a_delivery(), 0, 0)
    assert not slot.is_meant()


def test_wishes_of_the_main_process_are_seen(slot: Slot) -> None:
    before = slot.rings

    slot.watch(True)
    slot.put_back()
    slot.ring()

    assert (slot.is_watched, slot.is_to_put_back) == (True, True)
    assert slot.rings != before
    for _ in range(256):  # it counts in one byte
        slot.ring()


def test_main_process_reads_no_half_of_a_job_while_its_process_writes(slot: Slot) -> None:
    """Two jobs in turns, whose bodies are of one letter each."""
    letters = [a_delivery(letter * 20_000) for letter in (b"a", b"b")]
    pid = os.fork()
    if pid == 0:
        while os.getppid() != 1:
            for delivery in letters:
                slot.begin(delivery, 0, 0)
                slot.end(0)
        os._exit(0)
    try:
        read = [run for run in (slot.read() for _ in range(20_000)) if run is not None]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)

    assert {len(set(run.body)) for run in read} <= {1}
    assert {len(run.body) for run in read} <= {20_000}
