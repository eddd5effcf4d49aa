"""What the supervisor does about the jobs of processes: leases, cancels, limits."""

import signal

import pytest
from redis import ResponseError

from project.ledger.attempts import LeaseState
from project.worker.engine.supervisor import TICK_SECONDS
from tests.builders import a_job
from tests.unit.supervision import (
    NEVER,
    FakeLedger,
    FakeProcess,
    FakeRequest,
    supervisor_of,
)
from tests.unit.test_slot import a_delivery

SOON = 1e-9
INTERRUPT, KILL = signal.SIGUSR1, signal.SIGKILL


# ── Leases ─────────────────────────────────────────────────────────────────────────────────────


def test_leases_of_all_jobs_are_renewed_in_one_call() -> None:
    jobs, ledger = [a_job(attempt=number) for number in (1, 2, 3)], FakeLedger()
    idle = FakeProcess()

    supervisor_of([*map(FakeProcess, jobs), idle], ledger).look()

    assert ledger.renewals == [[(job.id, job.attempt) for job in jobs]]


def test_job_that_is_shorter_than_a_second_costs_no_call() -> None:
    ledger = FakeLedger()

    supervisor_of(FakeProcess(a_job()), ledger, renew_seconds=NEVER).look()

    assert ledger.renewals == []


def test_lease_is_renewed_once_a_while() -> None:
    process, ledger = FakeProcess(a_job()), FakeLedger()
    supervisor = supervisor_of(process, ledger, renew_seconds=0)
    supervisor.look()
    supervisor._renew_seconds = NEVER

    supervisor.look()

    assert len(ledger.renewals) == 1


@pytest.mark.parametrize("end", ["release", "next", "died"])
def test_lease_is_not_renewed_once_the_job_has_ended(end: str) -> None:
    process, ledger = FakeProcess(a_job()), FakeLedger()
    supervisor = supervisor_of(process, ledger)
    supervisor.look()
    ledger.renewals.clear()

    match end:
        case "release":
            process.slot.release()
        case "next":
            process.slot.begin(a_delivery(), 0, 0, needs_claim=True)
        case _:
            process.is_finished = True
    supervisor.look()

    assert ledger.renewals == []


@pytest.mark.parametrize("hold", [LeaseState.CANCEL, LeaseState.LOST])
def test_job_is_told_what_its_renewal_has_found_and_no_other_one(hold: LeaseState) -> None:
    told, other = a_job(), a_job()
    processes = [FakeProcess(told), FakeProcess(other)]

    supervisor_of(processes, FakeLedger({told.id: hold})).look()

    assert [process.slot.hold for process in processes] == [hold, LeaseState.HELD]


def test_renewal_that_fails_spoils_no_other() -> None:
    bad, good = a_job(), a_job()
    processes = [FakeProcess(bad), FakeProcess(good)]
    ledger = FakeLedger({bad.id: ResponseError("no"), good.id: LeaseState.CANCEL})

    supervisor_of(processes, ledger, fence_seconds=0).look()

    assert [process.slot.hold for process in processes] == [LeaseState.LOST, LeaseState.CANCEL]
    assert [process.slot.renewed_at > 0 for process in processes] == [False, True]


def test_short_outage_stops_no_job() -> None:
    process, ledger = FakeProcess(a_job()), FakeLedger(is_away=True)
    supervisor = supervisor_of(process, ledger)

    for ledger.is_away in (True, True, False):
        supervisor.look()

    assert process.slot.hold is LeaseState.HELD
    assert process.signals == []


def test_job_whose_lease_cannot_be_renewed_is_stopped_before_it_runs_out() -> None:
    """From then on another worker may run it. Nothing is recorded: there is nobody to record it."""
    process, ledger = FakeProcess(a_job()), FakeLedger(is_away=True)
    supervisor = supervisor_of(
        process, ledger, fence_seconds=0, interrupt_seconds=0, kill_seconds=NEVER
    )

    supervisor.look()
    assert process.slot.hold is LeaseState.LOST
    assert process.signals == [INTERRUPT]

    supervisor._patience = supervisor_of([], kill_seconds=0)._patience
    supervisor.look()

    assert process.signals == [INTERRUPT, KILL]
    assert ledger.stopped == []


# ── The end of a job that is to stop ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("hold", [LeaseState.CANCEL, LeaseState.LOST])
def test_job_that_does_not_listen_is_interrupted_once(hold: LeaseState) -> None:
    job = a_job()
    process, ledger = FakeProcess(job), FakeLedger({job.id: hold})
    supervisor = supervisor_of(process, ledger, interrupt_seconds=0)

    for _ in range(3):
        supervisor.look()

    assert process.signals == [INTERRUPT]
    assert process.slot.target == process.slot.token
    assert ledger.stopped == []


def test_job_that_survives_its_interruption_is_recorded_and_killed() -> None:
    job = a_job()
    process, ledger = FakeProcess(job), FakeLedger({job.id: LeaseState.CANCEL})
    supervisor = supervisor_of(process, ledger, kill_seconds=0)

    for _ in range(3):
        supervisor.look()

    assert ledger.stopped == [job.id]
    assert process.signals == [KILL]
    assert process.is_leaving


def test_attempt_that_is_not_the_current_one_is_killed_without_a_word() -> None:
    job = a_job()
    process, ledger = FakeProcess(job), FakeLedger({job.id: LeaseState.LOST})

    supervisor_of(process, ledger, kill_seconds=0).look()

    assert ledger.stopped == []
    assert process.signals == [KILL]


@pytest.mark.parametrize("end", ["release", "next"])
def test_job_that_ends_at_the_last_moment_is_not_killed_nor_is_the_next_one(end: str) -> None:
    job = a_job()
    process, ledger = FakeProcess(job), FakeLedger({job.id: LeaseState.CANCEL})
    process.on_halt = process.slot.release if end == "release" else lambda: process.run(a_job())

    supervisor_of(process, ledger, kill_seconds=0).look()

    assert process.signals == []
    assert ledger.stopped == []
    assert process.halts == 0


def test_cancelled_job_whose_outcome_cannot_be_written_stands_still_until_it_can() -> None:
    job = a_job()
    process, ledger = FakeProcess(job), FakeLedger({job.id: LeaseState.CANCEL})
    supervisor = supervisor_of(process, ledger, kill_seconds=NEVER)
    supervisor.look()
    supervisor._patience = supervisor_of([], kill_seconds=0)._patience
    ledger.is_away = True

    supervisor.look()
    assert process.signals == []
    assert process.halts > 0

    ledger.is_away = False
    supervisor.look()

    assert ledger.stopped == [job.id]
    assert process.signals == [KILL]


# ── Time limits ────────────────────────────────────────────────────────────────────────────────


def test_soft_limit_interrupts_once() -> None:
    process, request = FakeProcess(a_job(), soft=SOON, hard=NEVER), FakeRequest(FakeLedger())
    supervisor = supervisor_of(process, request=request)

    for _ in range(3):
        supervisor.look()

    assert process.signals == [INTERRUPT]
    assert request.limits == [(True, SOON)]


def test_hard_limit_kills_after_the_soft_one_however_late_the_look() -> None:
    process, request = FakeProcess(a_job(), soft=SOON, hard=2 * SOON), FakeRequest(FakeLedger())
    supervisor = supervisor_of(process, request=request)

    assert supervisor.look() == TICK_SECONDS
    assert process.signals == [INTERRUPT]
    for _ in range(3):
        supervisor.look()

    assert process.signals == [INTERRUPT, KILL]
    assert request.limits == [(True, SOON), (False, 2 * SOON)]


def test_hard_limit_holds_while_redis_is_away() -> None:
    """The job goes no further; its outcome is written before its process is killed."""
    ledger = FakeLedger(is_away=True)
    process, request = FakeProcess(a_job(), hard=SOON), FakeRequest(ledger)
    supervisor = supervisor_of(process, ledger, request)

    for _ in range(3):
        supervisor.look()
    assert process.halts > 0
    assert process.signals == []

    ledger.is_away = False
    supervisor.look()

    assert request.limits == [(False, SOON)]
    assert process.signals == [KILL]


def test_fault_of_a_callback_does_not_lift_a_limit() -> None:
    class Faulty(FakeRequest):
        def on_timeout(self, *_: object) -> None:
            raise ValueError

    process = FakeProcess(a_job(), hard=SOON)

    supervisor_of(process, request=Faulty(FakeLedger())).look()

    assert process.signals == [KILL]


def test_next_look_comes_before_the_next_limit() -> None:
    process = FakeProcess(a_job(), soft=TICK_SECONDS / 5, hard=TICK_SECONDS / 4)

    pause = supervisor_of(process).look()

    assert 0 < pause < TICK_SECONDS / 4


def test_signal_of_a_job_that_has_ended_is_no_more_aimed_at_it() -> None:
    """Somebody's own signal would miss the next one."""
    process = FakeProcess(a_job(), soft=SOON)
    supervisor = supervisor_of(process)
    supervisor.look()
    process.run(a_job())

    supervisor.look()

    assert process.slot.target == 0


def test_processes_see_that_somebody_looks() -> None:
    idle = FakeProcess()

    supervisor_of(idle).look()

    assert idle.slot.looks == 1
