"""A running job sees in its process's slot whether it is to stop."""

import pytest

from project.errors import CancelledError
from project.ledger.store import Hold
from project.worker.engine.slot import Slot
from project.worker.lease import Keeper
from tests.builders import a_job
from tests.unit.test_slot import a_delivery


@pytest.fixture
def slot() -> Slot:
    slot = Slot()
    slot.begin(a_delivery(), 0, 0, needs_claim=True)
    return slot


def keeper_of(slot: Slot) -> Keeper:
    keeper = Keeper()
    keeper.slot = slot
    return keeper


@pytest.mark.parametrize("hold", [Hold.CANCEL, Hold.LOST])
def test_job_that_is_to_stop_is_told_so(slot: Slot, hold: Hold) -> None:
    with keeper_of(slot).keep(a_job()) as held:
        held.check()

        slot.stop(slot.token, hold)

        assert held.hold is hold
        with pytest.raises(CancelledError):
            held.check()


def test_word_that_was_meant_for_the_job_before_stops_nobody(slot: Slot) -> None:
    before = slot.token
    slot.begin(a_delivery(), 0, 0, needs_claim=True)

    with keeper_of(slot).keep(a_job()) as held:
        slot.stop(before, Hold.CANCEL)
        slot.stop(before, Hold.LOST)
        slot.fence(before)

        held.check()


def test_lost_lease_outweighs_a_cancel_whoever_found_it(slot: Slot) -> None:
    """Of such an attempt no outcome is recorded."""
    with keeper_of(slot).keep(a_job()) as held:
        held.ask_to_stop(Hold.CANCEL)
        slot.stop(slot.token, Hold.LOST)
        assert held.hold is Hold.LOST

        other = Slot()
        other.begin(a_delivery(), 0, 0)
    with keeper_of(other).keep(a_job()) as held:
        held.ask_to_stop(Hold.LOST)
        other.stop(other.token, Hold.CANCEL)
        assert held.hold is Hold.LOST


def test_lease_is_kept_while_the_job_runs_and_no_longer(slot: Slot) -> None:
    keeper, job = keeper_of(slot), a_job(attempt=3)

    with keeper.keep(job):
        seen = slot.glance()
        assert seen is not None
        assert seen.claim is not None
        assert (seen.claim.id, seen.claim.attempt) == (job.id, 3)
        assert slot.is_meant()

    assert not slot.claimed
    assert not slot.is_meant()


def test_job_in_no_worker_is_stopped_by_its_own_finding_alone() -> None:
    with Keeper().keep(a_job()) as held:
        held.check()

        held.ask_to_stop(Hold.CANCEL)

        assert held.is_to_stop
