"""A running job sees in its process's slot whether it is to stop."""

import pytest

from project.errors import CancelledError
from project.ledger.attempts import LeaseState
from project.worker.engine.slot import Slot
from project.worker.lease import Leases
from tests.builders import a_job
from tests.unit.test_slot import a_delivery


@pytest.fixture
def slot() -> Slot:
    slot = Slot()
    slot.begin(a_delivery(), 0, 0, needs_claim=True)
    return slot


def leases_of(slot: Slot) -> Leases:
    leases = Leases()
    leases.slot = slot
    return leases


@pytest.mark.parametrize("hold", [LeaseState.CANCEL, LeaseState.LOST])
def test_job_that_is_to_stop_is_told_so(slot: Slot, hold: LeaseState) -> None:
    with leases_of(slot).keep(a_job()) as held:
        held.check()

        slot.stop(slot.token, hold)

        assert held.hold is hold
        with pytest.raises(CancelledError):
            held.check()


def test_word_that_was_meant_for_the_job_before_stops_nobody(slot: Slot) -> None:
    before = slot.token
    slot.begin(a_delivery(), 0, 0, needs_claim=True)

    with leases_of(slot).keep(a_job()) as held:
        slot.stop(before, LeaseState.CANCEL)
        slot.stop(before, LeaseState.LOST)
        slot.fence(before)

        held.check()


def test_lost_lease_outweighs_a_cancel_whoever_found_it(slot: Slot) -> None:
    """Of such an attempt no outcome is recorded."""
    with leases_of(slot).keep(a_job()) as held:
        held.ask_to_stop(LeaseState.CANCEL)
        slot.stop(slot.token, LeaseState.LOST)
        assert held.hold is LeaseState.LOST

        other = Slot()
        other.begin(a_delivery(), 0, 0)
    with leases_of(other).keep(a_job()) as held:
        held.ask_to_stop(LeaseState.LOST)
        other.stop(other.token, LeaseState.CANCEL)
        assert held.hold is LeaseState.LOST


def test_lease_is_kept_while_the_job_runs_and_no_longer(slot: Slot) -> None:
    leases, job = leases_of(slot), a_job(attempt=3)

    with leases.keep(job):
        seen = slot.glance()
        assert seen is not None
        assert seen.claim is not None
        assert (seen.claim.id, seen.claim.attempt) == (job.id, 3)
        assert slot.is_meant()

    assert not slot.claimed
    assert not slot.is_meant()


def test_job_in_no_worker_is_stopped_by_its_own_finding_alone() -> None:
    with Leases().keep(a_job()) as held:
        held.check()

        held.ask_to_stop(LeaseState.CANCEL)

        assert held.is_to_stop
