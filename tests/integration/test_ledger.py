"""The ledger on a real Redis: each step is one atomic call, and none goes back."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from project.config import Settings
from project.errors import LeasedError, NotFoundError, TransitionError
from project.ledger import Job, Ledger, Progress, Status
from project.ledger.events import job_channel, owner_channel
from project.ledger.job import JobError
from project.ledger.store import LEASE_SECONDS, OWNER_LIMIT, Hold
from tests.builders import a_job

HOLDER = "here:1:1"
ODD_TEXTS = [
    "naïve ☕ 確認",
    'quote " and \\ slash',
    "line\nbreak\ttab",
    "nul \x00",
    "\x7f\x80",
    "🙈" * 99,
]


def recorded(ledger: Ledger, **changes: Any) -> Job:
    """A job that is in the ledger."""
    job = a_job(**changes)
    ledger.record(job)
    return job


def running(ledger: Ledger, **changes: Any) -> Job:
    """A job that a worker has claimed."""
    return claim(ledger, recorded(ledger, **changes))


def claim(ledger: Ledger, job: Job, worker: str = "short@here") -> Job:
    return ledger.claim(job, worker, HOLDER)


def claim_again(ledger: Ledger, job: Job, worker: str = "other@there") -> Job:
    """The next attempt, after the one that ran is known to be gone."""
    return ledger.claim(job, worker, "there:2:2", stale_lease=f"{job.attempt} {HOLDER}")


def finish(ledger: Ledger, job: Job, status: Status = Status.SUCCEEDED, **changes: Any) -> Job:
    values: dict[str, Any] = {"attempt": job.attempt, "celery_result": '{"status": "X"}'}
    return ledger.finish(job.id, status, **values | changes)


def test_recorded_job_is_read_as_it_was(ledger: Ledger) -> None:
    job = recorded(ledger, owner=uuid4().hex, trace_id="t" * 32)

    assert ledger.get(job.id) == job


def test_unknown_job_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError):
        ledger.get(str(uuid4()))


def test_job_goes_its_way_and_counts_its_versions(ledger: Ledger) -> None:
    job = recorded(ledger)

    queued = ledger.confirm(job)
    claimed = claim(ledger, job)
    ended = finish(ledger, claimed, result={"file": "x"})

    assert [each.version for each in (job, queued, claimed, ended)] == [0, 1, 2, 3]
    assert [each.status for each in (job, queued, claimed, ended)] == [
        *(Status.ACCEPTED, Status.QUEUED, Status.RUNNING, Status.SUCCEEDED),
    ]
    assert (claimed.attempt, claimed.worker) == (1, "short@here")
    assert claimed.started_at is not None
    assert ended.finished_at is not None
    assert ended.finished_at >= claimed.started_at
    assert ended.result == {"file": "x"}
    assert ledger.get(job.id) == ended


def test_confirm_that_comes_after_the_claim_does_not_move_the_job_back(ledger: Ledger) -> None:
    claimed = running(ledger)

    assert ledger.confirm(claimed) == claimed
    assert ledger.get(claimed.id) == claimed


@pytest.mark.parametrize("ended", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.DEAD])
def test_ended_job_is_not_changed_by_anything(ledger: Ledger, ended: Status) -> None:
    job = finish(ledger, running(ledger), ended)
    steps: list[Callable[[], Any]] = [
        lambda: claim(ledger, job),
        lambda: ledger.cancel(job.id),
        lambda: ledger.withdraw(job),
        *(lambda status=status: finish(ledger, job, status) for status in Status),
    ]

    for step in steps:
        with pytest.raises(TransitionError):
            step()

    ledger.confirm(job)
    ledger.report_progress(job, Progress(1, 2))
    assert ledger.get(job.id) == job


def test_redelivered_job_is_a_new_attempt_without_the_old_ones_traces(ledger: Ledger) -> None:
    first = running(ledger)
    ledger.report_progress(first, Progress(7, 10, "Sleeping"))
    finish(ledger, first, Status.RETRYING, error=JobError("TemporaryError", "busy"))

    second = claim(ledger, first, "other@there")

    assert (second.attempt, second.worker) == (2, "other@there")
    assert (second.progress, second.error, second.finished_at) == (None, None, None)


def test_outcome_of_an_attempt_that_is_over_is_refused(ledger: Ledger) -> None:
    first = running(ledger)
    second = claim_again(ledger, first)

    with pytest.raises(TransitionError):
        finish(ledger, first, Status.FAILED)

    assert finish(ledger, second).status is Status.SUCCEEDED


def test_progress_of_an_attempt_that_is_over_changes_nothing(ledger: Ledger) -> None:
    first = running(ledger)
    second = claim_again(ledger, first)

    ledger.report_progress(first, Progress(9, 10))

    assert ledger.get(second.id) == second


def test_progress_is_told(ledger: Ledger) -> None:
    job = running(ledger)

    ledger.report_progress(job, Progress(0.5, 10, "Half a step"))

    assert ledger.get(job.id).progress == Progress(0.5, 10, "Half a step")


def test_claim_of_a_lost_record_makes_it_anew_for_its_owner_too(ledger: Ledger) -> None:
    job = a_job(owner=uuid4().hex, parameters={"type": 3}, lane="long")

    claimed = claim(ledger, job, "long@here")

    assert ledger.get(job.id) == claimed
    assert (claimed.parameters, claimed.lane, claimed.attempt) == ({"type": 3}, "long", 1)
    assert ledger.list_owned(job.owner) == [claimed]


def test_withdrawn_job_cannot_be_claimed_and_expires(
    ledger: Ledger, redis: "Redis", settings: Settings
) -> None:
    job = recorded(ledger)

    ledger.withdraw(job)

    with pytest.raises(TransitionError, match="cancelled"):
        claim(ledger, job)
    assert 0 < redis.ttl(f"job:{job.id}") <= settings.retention_seconds


def test_job_that_has_not_ended_does_not_expire(ledger: Ledger, redis: "Redis") -> None:
    job = running(ledger)

    assert redis.ttl(f"job:{job.id}") == -1


def test_outcome_writes_celerys_result_in_the_same_step(ledger: Ledger, redis: "Redis") -> None:
    job = running(ledger)
    document = json.dumps({"status": "SUCCESS", "result": True, "task_id": job.id})

    finish(ledger, job, celery_result=document)

    assert redis.get(f"celery-task-meta-{job.id}") == document


def test_refused_outcome_leaves_celerys_result_alone(ledger: Ledger, redis: "Redis") -> None:
    job = running(ledger)
    finish(ledger, job, celery_result="first")

    with pytest.raises(TransitionError):
        finish(ledger, job, Status.FAILED, celery_result="second")

    assert redis.get(f"celery-task-meta-{job.id}") == "first"


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_comes_back_whole(ledger: Ledger, text: str) -> None:
    job = running(ledger, parameters={"text": text, text: [text]})

    ledger.report_progress(job, Progress(1, 2, text))
    ended = finish(ledger, job, Status.FAILED, error=JobError(text, text, text), result=[text])

    found = ledger.get(job.id)
    assert found == ended
    assert found.parameters == {"text": text, text: [text]}
    assert found.progress == Progress(1, 2, text)
    assert found.error == JobError(text, text, text)
    assert found.result == [text]


@pytest.mark.parametrize("value", [0, 1.5, 2**53 + 1, -(2**63), True, None, [], {}, {"a": [{}]}])
def test_json_value_comes_back_as_it_was(ledger: Ledger, value: Any) -> None:
    """Redis's Lua reads numbers as floats: it must not read these."""
    job = running(ledger, parameters={"value": value})

    finish(ledger, job, result={"value": value})

    assert ledger.get(job.id).parameters == {"value": value}
    assert ledger.get(job.id).result == {"value": value}


def test_change_is_published_to_the_job_and_to_its_owner(ledger: Ledger, redis: "Redis") -> None:
    job = a_job(owner=uuid4().hex, parameters={"secret": "ada@example.org"})
    channels = [job_channel(job.id), owner_channel(job.owner)]
    with redis.pubsub() as pubsub:
        pubsub.subscribe(*channels)
        ledger.record(job)
        claimed = claim(ledger, job)

        heard: dict[str, str] = {}
        while len(heard) < len(channels):
            message = pubsub.get_message(timeout=10)
            assert message is not None
            if message["type"] == "message":
                heard[message["channel"]] = message["data"]

    assert set(heard) == set(channels)
    for text in heard.values():
        assert "ada@example.org" not in text
        assert Job.from_record(json.loads(text)) == replace(claimed, parameters={})


def test_owners_jobs_are_listed_newest_first(ledger: Ledger) -> None:
    owner, now = uuid4().hex, datetime.now(UTC)
    ages = [3, 1, 2]
    jobs = {
        age: recorded(ledger, owner=owner, submitted_at=now - timedelta(minutes=age))
        for age in ages
    }

    assert ledger.list_owned(owner) == [jobs[1], jobs[2], jobs[3]]
    assert ledger.list_owned(owner, limit=1) == [jobs[1]]
    assert ledger.list_owned(uuid4().hex) == []


def test_expired_job_is_missing_from_the_list(ledger: Ledger, redis: "Redis") -> None:
    owner = uuid4().hex
    kept, expired = recorded(ledger, owner=owner), recorded(ledger, owner=owner)

    redis.delete(f"job:{expired.id}")

    assert ledger.list_owned(owner) == [kept]


def test_list_of_an_owner_is_bounded(ledger: Ledger, redis: "Redis") -> None:
    owner = uuid4().hex

    for _ in range(OWNER_LIMIT + 5):
        recorded(ledger, owner=owner)

    assert redis.zcard(f"jobs:owner:{owner}") == OWNER_LIMIT


def at_once(actions: list[Callable[[], Any]]) -> list[Any]:
    """What each action came to, all of them run at the same moment; an error counts as a result."""
    start, results = threading.Barrier(len(actions)), []

    def run(action: Callable[[], Any]) -> None:
        start.wait()
        try:
            results.append(action())
        except (TransitionError, LeasedError) as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_outcomes_at_once_exactly_one_is_recorded(ledger: Ledger) -> None:
    job = running(ledger)

    results = at_once(
        [lambda number=number: finish(ledger, job, result=number) for number in range(16)]
    )

    (winner,) = [result for result in results if isinstance(result, Job)]
    assert ledger.get(job.id) == winner


def test_of_withdrawal_and_claim_at_once_one_wins_for_good(ledger: Ledger) -> None:
    for _ in range(20):
        job = recorded(ledger)

        at_once([lambda job=job: claim(ledger, job), lambda job=job: ledger.withdraw(job)])

        # A withdrawal takes a running job too; a claim never takes a withdrawn one.
        assert ledger.get(job.id).status is Status.CANCELLED


def test_of_many_claims_at_once_exactly_one_holds_the_lease(ledger: Ledger) -> None:
    job = recorded(ledger)

    claims = at_once([lambda: claim(ledger, job) for _ in range(8)])

    assert [each.attempt for each in claims if isinstance(each, Job)] == [1]
    assert len([each for each in claims if isinstance(each, LeasedError)]) == 7


def test_running_job_cannot_be_claimed_while_its_lease_holds(ledger: Ledger) -> None:
    first = running(ledger)

    with pytest.raises(LeasedError) as caught:
        claim(ledger, first, "other@there")

    assert caught.value.lease == f"1 {HOLDER}"
    assert ledger.get(first.id) == first


def test_lease_of_another_holder_than_the_one_that_is_gone_cannot_be_taken_over(
    ledger: Ledger,
) -> None:
    """Of two workers that saw the same holder die, the second finds the first's lease."""
    first = running(ledger)
    claim_again(ledger, first)

    with pytest.raises(LeasedError):
        claim_again(ledger, first)


def test_expired_lease_frees_the_job(ledger: Ledger, redis: "Redis") -> None:
    first = running(ledger)
    assert 0 < redis.ttl(f"lease:{first.id}") <= LEASE_SECONDS

    redis.delete(f"lease:{first.id}")

    assert claim(ledger, first, "other@there").attempt == 2


def test_renewed_lease_lasts_longer(ledger: Ledger, redis: "Redis") -> None:
    job = running(ledger)
    redis.expire(f"lease:{job.id}", 1)

    assert ledger.renew(job, HOLDER) is Hold.HELD

    assert redis.ttl(f"lease:{job.id}") > 1


def test_renewal_tells_of_a_cancel_and_of_another_attempt(ledger: Ledger) -> None:
    cancelled, overtaken, ended = running(ledger), running(ledger), running(ledger)
    ledger.cancel(cancelled.id)
    claim_again(ledger, overtaken)
    finish(ledger, ended)

    assert ledger.renew(cancelled, HOLDER) is Hold.CANCEL
    assert ledger.renew(overtaken, HOLDER) is Hold.LOST
    assert ledger.renew(ended, HOLDER) is Hold.LOST


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.RETRYING])
def test_end_of_an_attempt_ends_its_lease(ledger: Ledger, redis: "Redis", status: Status) -> None:
    job = running(ledger)

    finish(ledger, job, status)

    assert not redis.exists(f"lease:{job.id}")


def test_waiting_job_is_cancelled_at_once_and_celery_reads_revoked(
    ledger: Ledger, redis: "Redis"
) -> None:
    job = recorded(ledger)

    assert ledger.cancel(job.id).status is Status.CANCELLED

    assert json.loads(redis.get(f"celery-task-meta-{job.id}"))["status"] == "REVOKED"
    with pytest.raises(TransitionError):
        claim(ledger, job)


def test_running_job_is_asked_to_stop_once(ledger: Ledger) -> None:
    job = running(ledger)

    asked = ledger.cancel(job.id)

    assert asked.status is Status.RUNNING
    assert asked.cancel_requested_at is not None
    assert ledger.cancel(job.id) == asked


def test_cancel_of_an_unknown_job_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError):
        ledger.cancel(str(uuid4()))


def test_record_is_written_once(ledger: Ledger) -> None:
    first = a_job(owner=uuid4().hex)

    assert ledger.record_once(first) is None
    assert ledger.record_once(replace(first, parameters={"type": 1})) == first

    assert ledger.list_owned(first.owner) == [first]
