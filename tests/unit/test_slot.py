"""What a process writes into its slot is what the main process reads there."""

import os

import pytest

from project.broker.message_reader import LONGEST_ID
from project.worker.engine.delivery import Delivery
from project.worker.engine.slot import Slot
from tests.builders import a_job
from tests.unit.test_frames import HEADERS, a_deliver, a_header
from tests.waiting import wait_until


class Nobody:
    """Settles nothing."""

    def ack(self, delivery: Delivery) -> None: ...
    def reject(self, delivery: Delivery, *, requeue: bool) -> None: ...


def a_delivery(body: bytes = b"[[], {}, {}]") -> Delivery:
    header = a_header(len(body), application_headers=HEADERS, content_type="application/json")
    return Delivery(Nobody(), 1, a_deliver(), header, body)


@pytest.fixture
def slot() -> Slot:
    return Slot()


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
    slot.requeue()
    slot.ring()

    assert (slot.is_watched, slot.is_to_requeue) == (True, True)
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


def test_limits_count_from_the_claim_and_not_while_a_job_waits_for_it(slot: Slot) -> None:
    """Redis may be away for long, and the job has not begun."""
    slot.begin(a_delivery(), 1, 2, needs_claim=True)
    waiting = slot.glance()
    slot.claim(a_job())
    running = slot.glance()
    slot.release()
    finished = slot.glance()

    assert waiting and running and finished
    assert running.claim
    assert running.began_at == running.claim.claimed_at > waiting.began_at
    assert [
        (seen.soft_limit_seconds, seen.hard_limit_seconds) for seen in (waiting, running, finished)
    ] == [(0, 0), (1, 2), (0, 0)]


def test_limits_of_a_task_that_is_no_kind_count_at_once(slot: Slot) -> None:
    slot.begin(a_delivery(), 1, 2)

    seen = slot.glance()
    assert seen
    assert (seen.claim, seen.soft_limit_seconds, seen.hard_limit_seconds) == (None, 1, 2)
    assert slot.is_meant()


@pytest.mark.parametrize("job_id", ["x", "\N{GRINNING FACE}" * LONGEST_ID])
def test_claim_can_be_read(slot: Slot, job_id: str) -> None:
    slot.begin(a_delivery(), 0, 0, needs_claim=True)
    job = a_job(id=job_id, trace_id="a" * 32, attempt=7)

    slot.claim(job)

    seen = slot.glance()
    assert seen and seen.claim
    assert (seen.claim.id, seen.claim.trace_id, seen.claim.attempt) == (job_id, "a" * 32, 7)


def test_main_process_reads_no_half_of_a_claim_while_its_process_writes(slot: Slot) -> None:
    jobs = [a_job(id=letter * 100, attempt=ord(letter)) for letter in "ab"]
    delivery = a_delivery()
    pid = os.fork()
    if pid == 0:
        while os.getppid() != 1:
            for job in jobs:
                slot.begin(delivery, 0, 0, needs_claim=True)
                slot.claim(job)
                _ = [slot.hold for _ in range(20)]
                slot.release()
                slot.end(0)
        os._exit(0)
    written, claims = {(job.id, job.attempt) for job in jobs}, set()

    def look() -> bool:
        seen = [slot.glance() for _ in range(50_000)]
        claims.update((one.claim.id, one.claim.attempt) for one in seen if one and one.claim)
        return claims >= written

    try:
        wait_until(look, 60, "both claims to be seen")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)

    assert claims == written
