"""Every step of the ledger, tried on a job of every status: where it leads, and where it does not.

The table is written out on purpose: a change of what the scripts allow must be a change here too.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from project.errors import JobsError, Suspension
from project.ledger import Job, Ledger, Status
from project.ledger.job import FINISHED, SOURCES, UNFINISHED, JobError
from project.ledger.keys import waiting_key
from tests.builders import a_job

HOLDER = "here:1:1#1"
BY = "a-submit"
ERROR = JobError("TemporaryError", "busy")
LATER = timedelta(hours=1)
DOCUMENT = '{"status": "X"}'

Make = Callable[[Ledger], Job]


def accepted(ledger: Ledger, **changes: Any) -> Job:
    return ledger.get(ledger.admissions.record(a_job(**changes)).job.id)


def confirmed(ledger: Ledger, **changes: Any) -> Job:
    (answer,) = ledger.admissions.confirm_many([accepted(ledger, **changes)], by=BY)
    assert isinstance(answer, Job)
    return answer


def scheduled(ledger: Ledger) -> Job:
    return confirmed(ledger, run_at=datetime.now(UTC) + LATER)


def running(ledger: Ledger) -> Job:
    return claim(ledger, confirmed(ledger))


def retrying(ledger: Ledger) -> Job:
    job = running(ledger)
    return retry(ledger, job)


def waiting(ledger: Ledger) -> Job:
    job = running(ledger)
    wait(ledger, job)
    return ledger.get(job.id)


def finished(status: Status) -> Make:
    if status is Status.CANCELLED:
        return lambda ledger: ledger.cancel(confirmed(ledger).id)
    if status is Status.DEAD:
        return lambda ledger: ledger.mark_dead(confirmed(ledger).id, ERROR)
    return lambda ledger: finish(ledger, running(ledger), status)


MADE: Mapping[Status, Make] = {
    Status.ACCEPTED: accepted,
    Status.QUEUED: confirmed,
    Status.SCHEDULED: scheduled,
    Status.RUNNING: running,
    Status.RETRYING: retrying,
    Status.WAITING: waiting,
    **{status: finished(status) for status in FINISHED},
}


def claim(ledger: Ledger, job: Job) -> Job:
    return ledger.attempts.claim(job, "short@here", HOLDER)


def succeed_reserved(ledger: Ledger, job: Job) -> None:
    """As a worker does with repeatable jobs: it begins those alone that were reserved."""
    holder = "there:2:2#1"
    (is_reserved,) = ledger.attempts.reserve([(job.id, job.kind)], holder)
    if is_reserved:
        begun = replace(job, attempt=1, worker="short@there", started_at=datetime.now(UTC))
        ledger.attempts.succeed_later(begun, DOCUMENT, 1, lambda _: None, holder=holder)
        ledger.steps.flush()


def release_reserved(ledger: Ledger, job: Job) -> None:
    ledger.attempts.reserve([(job.id, job.kind)], HOLDER)
    ledger.attempts.release([(job.id, HOLDER)])


def finish(ledger: Ledger, job: Job, status: Status) -> Job:
    return ledger.attempts.finish(job.id, status, attempt=job.attempt, celery_result=DOCUMENT)


def retry(ledger: Ledger, job: Job) -> Job:
    due_at = datetime.now(UTC) + LATER
    return ledger.attempts.retry(
        job.id, attempt=job.attempt, celery_result=DOCUMENT, error=ERROR, due_at=due_at
    )


def wait(ledger: Ledger, job: Job) -> None:
    child = ledger.admissions.record(a_job(parent_id=job.id)).job
    ledger.tree.wait_for(job, Suspension([child.id], "all", 0, None, ""))


def end_children(ledger: Ledger, job: Job) -> None:
    for child_id in ledger.tree.list_children(job.id):
        ledger.cancel(child_id)


def succeed(ledger: Ledger, job: Job) -> None:
    ledger.attempts.succeed_later(job, DOCUMENT, 1, lambda _: None)
    ledger.steps.flush()


def end_unrecorded(ledger: Ledger, job: Job) -> None:
    ledger.attempts.end_unrecorded(job, Status.FAILED, celery_result=DOCUMENT, error=ERROR)


@dataclass(frozen=True)
class Step:
    """A step, and where it leads; from every other status it changes nothing."""

    take: Callable[[Ledger, Job], object]
    leads: Mapping[Status, Status]


def to(after: Status, *sources: Status) -> dict[Status, Status]:
    return dict.fromkeys(sources, after)


CONFIRMED = (Status.QUEUED, Status.SCHEDULED)
AT_REST = UNFINISHED - {Status.RUNNING}
STEPS: Mapping[str, Step] = {
    "confirm": Step(
        lambda ledger, job: ledger.admissions.confirm(job), to(Status.QUEUED, Status.ACCEPTED)
    ),
    "confirm again": Step(
        lambda ledger, job: ledger.admissions.confirm_again(job.id),
        to(Status.QUEUED, Status.ACCEPTED),
    ),
    "adopt": Step(lambda ledger, job: ledger.admissions.adopt(job.id, "another"), {}),
    "withdraw": Step(
        lambda ledger, job: ledger.admissions.withdraw(job), to(Status.CANCELLED, Status.ACCEPTED)
    ),
    "withdraw in doubt": Step(
        lambda ledger, job: ledger.admissions.withdraw(job, in_doubt_by=BY),
        to(Status.CANCELLED, Status.ACCEPTED, *CONFIRMED),
    ),
    "withdraw in another's doubt": Step(
        lambda ledger, job: ledger.admissions.withdraw(job, in_doubt_by="another"),
        to(Status.CANCELLED, Status.ACCEPTED),
    ),
    "claim": Step(claim, to(Status.RUNNING, *CONFIRMED, Status.RETRYING)),
    "reserve and release": Step(release_reserved, {}),
    "reserve and succeed": Step(succeed_reserved, to(Status.SUCCEEDED, *CONFIRMED)),
    "succeed": Step(succeed, to(Status.SUCCEEDED, Status.RUNNING)),
    "fail": Step(
        lambda ledger, job: finish(ledger, job, Status.FAILED), to(Status.FAILED, Status.RUNNING)
    ),
    "stop": Step(
        lambda ledger, job: ledger.attempts.stop(job),
        to(Status.CANCELLED, Status.RUNNING, Status.RETRYING, Status.WAITING),
    ),
    "retry": Step(retry, to(Status.RETRYING, Status.RUNNING)),
    "put back": Step(
        lambda ledger, job: ledger.attempts.requeue(job.id, worker="short@here"),
        to(Status.QUEUED, Status.RUNNING),
    ),
    "wait": Step(wait, to(Status.WAITING, Status.RUNNING)),
    "end of its children": Step(end_children, to(Status.QUEUED, Status.WAITING)),
    "recheck": Step(lambda ledger, job: ledger.tree.recheck(job.id), {}),
    "cancel": Step(lambda ledger, job: ledger.cancel(job.id), to(Status.CANCELLED, *AT_REST)),
    "mark_dead": Step(
        lambda ledger, job: ledger.mark_dead(job.id, ERROR), to(Status.DEAD, *UNFINISHED)
    ),
    "end without a record": Step(end_unrecorded, to(Status.FAILED, *CONFIRMED)),
    "requeue": Step(lambda ledger, job: ledger.note_requeue(job), {}),
    "repair": Step(lambda ledger, job: ledger.note_repair(job), {}),
    "rerun": Step(lambda ledger, job: ledger.note_rerun(job.id, "another"), {}),
}


@pytest.mark.parametrize(("before", "name"), list(product(Status, STEPS)))
def test_step_leads_where_the_table_says(ledger: Ledger, before: Status, name: str) -> None:
    step = STEPS[name]
    job = MADE[before](ledger)
    assert job.status is before

    with suppress(JobsError):
        step.take(ledger, job)

    found = ledger.get(job.id)
    assert found.status is step.leads.get(before, before)
    _forget(ledger, found)


def test_steps_take_every_way_that_pythons_table_allows() -> None:
    taken = {(before, after) for step in STEPS.values() for before, after in step.leads.items()}
    by_confirm = (Status.ACCEPTED, Status.SCHEDULED)  # below
    by_redelivery = (Status.RUNNING, Status.RUNNING)  # test_ledger.py
    allowed = {(before, after) for after, sources in SOURCES.items() for before in sources}

    assert allowed - {by_confirm, by_redelivery} <= taken


@pytest.mark.parametrize("confirm", ["confirm", "confirm again"])
def test_job_that_is_due_later_is_scheduled_by_its_confirm(ledger: Ledger, confirm: str) -> None:
    job = accepted(ledger, run_at=datetime.now(UTC) + LATER)

    STEPS[confirm].take(ledger, job)

    found = ledger.get(job.id)
    assert found.status is Status.SCHEDULED
    _forget(ledger, found)


@pytest.mark.parametrize("confirm", ["confirm", "confirm again"])
def test_job_that_has_become_due_before_its_confirm_is_queued(ledger: Ledger, confirm: str) -> None:
    job = accepted(ledger, run_at=datetime.now(UTC) - timedelta(milliseconds=1))

    STEPS[confirm].take(ledger, job)

    found = ledger.get(job.id)
    assert found.status is Status.QUEUED
    _forget(ledger, found)


def test_confirm_says_what_the_job_has_become(ledger: Ledger) -> None:
    later = datetime.now(UTC) + LATER
    jobs = [accepted(ledger), accepted(ledger, run_at=later)]

    answers = ledger.admissions.confirm_many(jobs)

    assert [answer.status for answer in answers if isinstance(answer, Job)] == list(CONFIRMED)
    assert answers == ledger.read([job.id for job in jobs])
    for job in jobs:
        _forget(ledger, job)


def test_job_that_has_become_due_stays_scheduled_until_it_is_claimed(
    ledger: Ledger, redis: "Redis"
) -> None:
    queue = f"queue-{uuid4().hex}"
    job = confirmed(ledger, queue=queue, run_at=datetime.now(UTC) + LATER)
    assert ledger.list_waiting(queue, datetime.now(UTC)) == []

    redis.zadd(waiting_key(queue), {job.id: 1})

    (found,) = ledger.list_waiting(queue, datetime.now(UTC))
    assert (found.id, found.status) == (job.id, Status.SCHEDULED)
    assert claim(ledger, found).status is Status.RUNNING
    assert redis.zscore(waiting_key(queue), job.id) is None


def _forget(ledger: Ledger, job: Job) -> None:
    """The stack's reconciler has no work with it."""
    with suppress(JobsError):
        ledger.mark_dead(job.id, ERROR)
