"""A process whose main process does nothing stops its job before another worker may run it."""

import signal

import pytest

from project.ledger.attempts import LeaseState
from project.worker.engine.fence import SILENT_LOOKS, Fence
from project.worker.engine.slot import Slot
from project.worker.lease import Patience
from tests.builders import a_job
from tests.unit.test_slot import a_delivery

NEVER = 3600.0


@pytest.fixture
def slot() -> Slot:
    slot = Slot()
    slot.begin(a_delivery(), 0, 0, needs_claim=True)
    slot.claim(a_job())
    return slot


def fence_of(
    slot: Slot,
    signals: list[int],
    *,
    fence: float = 0,
    interrupt: float = NEVER,
    kill: float = NEVER,
) -> Fence:
    return Fence(slot, signal.SIGUSR1, Patience(interrupt, kill, fence), signals.append)


def look(fence: Fence, times: int = SILENT_LOOKS + 3) -> None:
    for _ in range(times):
        fence.look()


def test_job_is_asked_interrupted_and_killed(slot: Slot) -> None:
    signals: list[int] = []

    look(fence_of(slot, signals))
    assert slot.hold is LeaseState.LOST
    assert signals == []
    look(fence_of(slot, signals, interrupt=0))
    assert signals == [signal.SIGUSR1]
    assert slot.is_meant()

    look(fence_of(slot, signals, kill=0), SILENT_LOOKS + 1)
    assert signals == [signal.SIGUSR1, signal.SIGKILL]


def test_signal_is_meant_though_the_last_one_was_aimed_at_another_job(slot: Slot) -> None:
    slot.aim(slot.token + 1)

    look(fence_of(slot, []))

    assert slot.is_meant()


def test_lease_that_still_holds_is_no_reason(slot: Slot) -> None:
    look(fence_of(slot, [], fence=NEVER))

    assert slot.hold is LeaseState.HELD


def test_lease_that_was_renewed_meanwhile_is_no_reason(slot: Slot) -> None:
    seen = slot.glance()
    assert seen and seen.claim
    slot.note_renewal(seen.claim.claimed_at + NEVER)

    look(fence_of(slot, []))

    assert slot.hold is LeaseState.HELD


def test_main_process_that_looks_is_left_to_stop_the_job(slot: Slot) -> None:
    """It knows more: whether Redis is away, whether the job was cancelled."""
    fence = fence_of(slot, [])

    for _ in range(3 * SILENT_LOOKS):
        slot.note_look()
        fence.look()

    assert slot.hold is LeaseState.HELD


def test_process_that_stood_still_with_its_worker_waits_for_the_first_renewal(slot: Slot) -> None:
    fence = fence_of(slot, [])
    slot.note_look()

    fence.look()  # it has stood still for an hour, and so has its main process

    assert slot.hold is LeaseState.HELD


@pytest.mark.parametrize("end", ["release", "next"])
def test_job_that_has_ended_needs_no_fence(slot: Slot, end: str) -> None:
    signals: list[int] = []
    fence = fence_of(slot, signals, kill=0)
    look(fence, SILENT_LOOKS)
    if end == "next":
        slot.begin(a_delivery(), 0, 0, needs_claim=True)
    else:
        slot.release()

    look(fence)

    assert signals == []
