"""The ledger on a real Redis: each step is one atomic call, and none goes back."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis, ResponseError

from project.errors import (
    CancelledError,
    ExhaustedError,
    GoneError,
    HolderState,
    InvalidInputError,
    LeasedError,
    NewerRecordError,
    NotFoundError,
    QueueFullError,
    TransitionError,
    UndecidedError,
)
from project.ledger import Job, Ledger, Progress, Status
from project.ledger.admissions import Admission, Recorded
from project.ledger.attempts import LEASE_SECONDS, LeaseState
from project.ledger.job import WITHDRAWN, AttemptOutcome, JobError
from project.ledger.keys import job_key
from project.ledger.listing import JobFilter
from project.ledger.record import decode_job
from project.ledger.steps import OWNER_LIMIT
from project.live.events import ALL_CHANNEL, job_channel, owner_channel
from tests.builders import NOON, a_job
from tests.waiting import wait_until

HOLDER = "here:1:1#0"
"""Of a first claim."""
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
    return ledger.get(ledger.admissions.record(a_job(**changes)).job.id)


def queued(ledger: Ledger, **changes: Any) -> Job:
    """A job whose confirm has been noted."""
    return ledger.admissions.confirm(recorded(ledger, **changes))


def running(ledger: Ledger, **changes: Any) -> Job:
    """A job that a worker has claimed."""
    return claim(ledger, queued(ledger, **changes))


def claim(ledger: Ledger, job: Job, worker: str = "short@here") -> Job:
    """One process claims it, each attempt anew."""
    return ledger.attempts.claim(job, worker, f"here:1:1#{job.attempt}")


def claim_again(ledger: Ledger, job: Job, worker: str = "other@there") -> Job:
    """The next attempt, after the one that ran is known to be gone."""
    return ledger.attempts.claim(job, worker, "there:2:2", gone_holder=HOLDER)


def retry(ledger: Ledger, job: Job, due_at: datetime | None = None) -> Job:
    """The attempt has failed for a while."""
    return ledger.attempts.retry(
        job.id,
        attempt=job.attempt,
        celery_result='{"status": "RETRY"}',
        error=JobError("TemporaryError", "busy"),
        due_at=due_at or datetime.now(UTC),
    )


def finish(ledger: Ledger, job: Job, status: Status = Status.SUCCEEDED, **changes: Any) -> Job:
    values: dict[str, Any] = {"attempt": job.attempt, "celery_result": '{"status": "X"}'}
    return ledger.attempts.finish(job.id, status, **values | changes)


def test_recorded_job_is_read_as_it_was(ledger: Ledger) -> None:
    job = a_job(owner=uuid4().hex, trace_id="t" * 32, parent_id="p", root_id="r", run_at=NOON)

    answer = ledger.admissions.record(job)
    found = ledger.get(job.id)

    assert (answer.is_new, answer.job) == (True, job)
    assert found == replace(job, version=found.version)
    assert found.version > 0


def test_field_that_a_newer_version_has_added_survives_every_step(
    ledger: Ledger, redis: "Redis"
) -> None:
    job = recorded(ledger)
    redis.hset(job_key(job.id), "added_later", "x")

    finish(ledger, claim_again(ledger, claim(ledger, ledger.admissions.confirm(job))))

    assert redis.hget(job_key(job.id), "added_later") == "x"


def test_record_of_a_newer_format_is_left_out_of_lists(ledger: Ledger, redis: "Redis") -> None:
    owner, kind = uuid4().hex, a_kind()
    known, newer = (recorded(ledger, owner=owner, kind=kind) for _ in range(2))
    redis.hset(job_key(newer.id), mapping={"format": "9 9.0.0", "status": "paused"})

    listed = ledger.list_jobs(JobFilter(kind=frozenset({kind}))).jobs

    assert [job.id for job in listed] == [known.id]
    assert ledger.list_owned(owner) == listed
    with pytest.raises(NewerRecordError):
        ledger.get(newer.id)


def test_unknown_job_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError):
        ledger.get(str(uuid4()))


def test_job_goes_its_way_with_growing_versions(ledger: Ledger) -> None:
    job = recorded(ledger)

    confirmed = ledger.admissions.confirm(job)
    claimed = claim(ledger, job)
    finished = finish(ledger, claimed, result={"file": "x"})

    way = (job, confirmed, claimed, finished)
    assert len({each.version for each in way}) == 4
    assert sorted(way, key=lambda each: each.version) == list(way)
    assert [each.status for each in way] == [
        *(Status.ACCEPTED, Status.QUEUED, Status.RUNNING, Status.SUCCEEDED),
    ]
    assert (claimed.attempt, claimed.worker) == (1, "short@here")
    assert claimed.started_at is not None
    assert finished.finished_at is not None
    assert finished.finished_at >= claimed.started_at
    assert finished.result == {"file": "x"}
    assert ledger.get(job.id) == finished


@pytest.mark.parametrize("result", [{"file": "x"}, None, 0, False, "", "naïve ☕"])
def test_success_is_written_as_any_other_end(ledger: Ledger, redis: "Redis", result: Any) -> None:
    one, other = (running(ledger, owner=uuid4().hex) for _ in range(2))
    told: list[Any] = []

    ledger.attempts.succeed_later(one, '{"status": "SUCCESS"}', result, told.append)
    ledger.steps.flush()
    finish(ledger, other, result=result, celery_result='{"status": "SUCCESS"}')

    (finished,) = told
    written, expected = (_written(redis, job) for job in (one, other))
    assert written == expected
    found = ledger.get(one.id)
    assert replace(found, expires_at=None, version=finished.version) == finished
    for key in ("jobs:leases", f"jobs:waiting:{one.queue}"):
        assert redis.zscore(key, one.id) is None
    assert redis.zscore("jobs:expiring", one.id) is not None


def _written(redis: "Redis", job: Job) -> list[Any]:
    """What is kept of an ended job, without its ids and times."""
    record = redis.hgetall(f"job:{job.id}")
    own = {"id", "version", "owner", "submitted_at", "started_at", "finished_at", "expires_at"}
    return [
        {name: text for name, text in record.items() if name not in own},
        own & record.keys(),
        redis.get(f"celery-task-meta-{job.id}"),
        redis.ttl(f"celery-task-meta-{job.id}") > 0,
        redis.zscore(f"jobs:{job.queue}:{job.kind}:succeeded", job.id) is not None,
        redis.zscore(f"jobs:{job.queue}:{job.kind}:running", job.id),
    ]


def test_success_of_an_attempt_that_is_over_is_refused(ledger: Ledger) -> None:
    first = running(ledger)
    claim_again(ledger, first)
    told: list[Any] = []

    ledger.attempts.succeed_later(first, '{"status": "SUCCESS"}', 1, told.append)
    ledger.steps.flush()

    assert isinstance(told[0], TransitionError)
    assert ledger.get(first.id).status is Status.RUNNING


def test_record_that_was_lost_is_newer_than_all_that_was_told_of_it(
    ledger: Ledger, redis: "Redis"
) -> None:
    """An open page shows no version that is older than one it has shown."""
    finished = finish(ledger, running(ledger))
    redis.delete(f"job:{finished.id}")

    assert claim(ledger, finished).version > finished.version


def test_job_does_not_run_before_its_client_is_told_that_it_will(ledger: Ledger) -> None:
    job = recorded(ledger)

    with pytest.raises(UndecidedError) as caught:
        claim(ledger, job)

    assert 0 < caught.value.seconds_left <= Admission().budget_seconds
    assert ledger.get(job.id) == job


def test_confirm_cannot_be_noted_when_its_time_is_over(ledger: Ledger) -> None:
    """Redis may execute a command long after its client has given up, and answered 503."""
    job = ledger.admissions.record(a_job(), Admission(budget_seconds=0.001)).job

    def is_over() -> bool:
        with pytest.raises((UndecidedError, TransitionError)) as caught:
            claim(ledger, job)
        return getattr(caught.value, "seconds_left", -1) < 0

    wait_until(is_over, 5)
    with pytest.raises(TransitionError):
        ledger.admissions.confirm(job)

    assert ledger.get(job.id).status in {Status.ACCEPTED, Status.CANCELLED}
    with suppress(TransitionError):  # the stack's own reconciler may have been faster
        ledger.admissions.withdraw(job, is_overdue=True)
    assert ledger.get(job.id).is_withdrawn


def test_confirm_that_redis_executes_when_its_sender_has_given_up_is_refused(
    ledger: Ledger,
) -> None:
    job = ledger.admissions.record(a_job(), Admission(budget_seconds=60)).job

    with pytest.raises(TransitionError):
        ledger.admissions.confirm(job, within_seconds=-0.001)

    assert ledger.get(job.id).status is Status.ACCEPTED
    assert ledger.admissions.confirm(job, within_seconds=60).status is Status.QUEUED


def test_job_in_doubt_is_withdrawn_unless_it_runs_or_another_submit_took_it(
    ledger: Ledger,
) -> None:
    jobs = [recorded(ledger) for _ in range(4)]
    waiting, begun, others, adopted = jobs
    ledger.admissions.confirm_many([waiting, begun, adopted], by="me")
    ledger.admissions.confirm_many([others], by="another")
    ledger.admissions.adopt(adopted.id, by="another")
    claim(ledger, begun)

    ledger.admissions.withdraw(waiting, in_doubt_by="me")
    for job in (begun, others, adopted):
        with pytest.raises(TransitionError):
            ledger.admissions.withdraw(job, in_doubt_by="me")

    assert ledger.get(waiting.id).is_withdrawn
    assert [ledger.get(job.id).status for job in (begun, others, adopted)] == [
        *(Status.RUNNING, Status.QUEUED, Status.QUEUED),
    ]


def test_confirm_that_redis_has_lost_is_noted_again_however_late(ledger: Ledger) -> None:
    job = ledger.admissions.record(a_job(), Admission(budget_seconds=0.001)).job

    assert ledger.admissions.confirm_again(job.id).status is Status.QUEUED

    with pytest.raises(TransitionError):
        ledger.admissions.confirm_again(job.id)
    assert claim(ledger, job).status is Status.RUNNING


def test_submit_that_is_under_way_is_not_withdrawn_as_overdue(ledger: Ledger) -> None:
    job = recorded(ledger)

    with pytest.raises(TransitionError):
        ledger.admissions.withdraw(job, is_overdue=True)


def test_confirmed_job_cannot_be_withdrawn(ledger: Ledger) -> None:
    job = queued(ledger)

    with pytest.raises(TransitionError):
        ledger.admissions.withdraw(job)


def test_withdrawn_job_cannot_be_confirmed(ledger: Ledger) -> None:
    job = recorded(ledger)
    ledger.admissions.withdraw(job)

    with pytest.raises(TransitionError):
        ledger.admissions.confirm(job)


def test_confirm_that_is_noted_twice_is_noted(ledger: Ledger) -> None:
    job = queued(ledger)

    assert ledger.admissions.confirm(job) == job


def test_confirm_that_comes_after_the_claim_does_not_move_the_job_back(ledger: Ledger) -> None:
    claimed = running(ledger)

    assert ledger.admissions.confirm(claimed) == claimed
    assert ledger.get(claimed.id) == claimed


@pytest.mark.parametrize(
    "finished", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.DEAD]
)
def test_finished_job_is_not_changed_by_anything(ledger: Ledger, finished: Status) -> None:
    job = finish(ledger, running(ledger), finished)
    steps: list[Callable[[], Any]] = [
        lambda: claim(ledger, job),
        lambda: ledger.cancel(job.id),
        lambda: ledger.admissions.withdraw(job),
        lambda: ledger.mark_dead(job.id, JobError("x", "y")),
        lambda: ledger.attempts.requeue(job.id, worker=job.worker),
        lambda: retry(ledger, job),
        *(lambda status=status: finish(ledger, job, status) for status in Status),
    ]

    for step in steps:
        with pytest.raises(TransitionError):
            step()

    ledger.attempts.report_progress(job, Progress(1, 2))
    assert ledger.get(job.id) == job


def test_redelivered_job_is_a_new_attempt_without_the_old_ones_traces(ledger: Ledger) -> None:
    first = running(ledger)
    ledger.attempts.report_progress(first, Progress(7, 10, "Sleeping"))
    retry(ledger, first)

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

    ledger.attempts.report_progress(first, Progress(9, 10))

    assert ledger.get(second.id) == second


def test_progress_is_told(ledger: Ledger) -> None:
    job = running(ledger)

    ledger.attempts.report_progress(job, Progress(0.5, 10, "Half a step"))

    assert ledger.get(job.id).progress == Progress(0.5, 10, "Half a step")


def test_claim_of_a_lost_record_makes_it_anew_for_its_owner_too(ledger: Ledger) -> None:
    job = a_job(owner=uuid4().hex, parameters={"type": 3}, queue="long")

    claimed = claim(ledger, job, "long@here")

    assert ledger.get(job.id) == claimed
    assert (claimed.parameters, claimed.queue, claimed.attempt) == ({"type": 3}, "long", 1)
    assert ledger.list_owned(job.owner) == [claimed]


def test_withdrawn_job_cannot_be_claimed(ledger: Ledger) -> None:
    job = recorded(ledger)

    ledger.admissions.withdraw(job)

    with pytest.raises(TransitionError, match="cancelled"):
        claim(ledger, job)
    assert ledger.get(job.id).error == WITHDRAWN


@pytest.mark.parametrize(
    ("status", "days"), [(Status.SUCCEEDED, 7), (Status.CANCELLED, 7), (Status.FAILED, 30)]
)
def test_finished_job_is_kept_as_long_as_its_outcome_says(
    redis: "Redis", status: Status, days: int
) -> None:
    day = 24 * 3600
    ledger = Ledger(redis, 7 * day, 30 * day)

    job = finish(ledger, running(ledger), status)

    assert job.expires_at
    assert job.finished_at
    kept = (job.expires_at - job.finished_at).total_seconds()
    assert kept == pytest.approx(days * day, abs=60)


def test_job_that_has_not_ended_does_not_expire(ledger: Ledger, redis: "Redis") -> None:
    job = running(ledger)

    assert job.expires_at is None
    assert redis.zscore("jobs:expiring", job.id) is None


def test_job_whose_time_is_over_is_gone_and_no_longer_listed(
    ledger: Ledger, redis: "Redis"
) -> None:
    """410 instead of 404; and nothing of it is left in any index."""
    job = finish(ledger, running(ledger, owner=uuid4().hex, kind=a_kind()))
    redis.zadd("jobs:expiring", {job.id: 1})

    wait_until(lambda: ledger.trim() == 0, 10)

    with pytest.raises(GoneError):
        ledger.get(job.id)
    assert ledger.list_jobs(JobFilter(kind=frozenset({job.kind}))).jobs == []
    assert ledger.list_owned(job.owner) == []
    left = [key for key in redis.scan_iter("*", count=1000) if job.id in key or job.kind in key]
    assert left == []


def test_kind_whose_last_job_is_forgotten_is_no_part_of_the_index(
    ledger: Ledger, redis: "Redis"
) -> None:
    """A message may name any kind: lists would get slower with each name that ever came."""
    kind = a_kind()
    jobs = [finish(ledger, running(ledger, kind=kind)) for _ in range(2)]

    found = []
    for job in jobs:
        redis.zadd("jobs:expiring", {job.id: 1})
        wait_until(lambda: ledger.trim() == 0, 10)
        found.append(f"{job.queue}:{kind}" in redis.smembers("jobs:partitions"))

    assert found == [True, False]


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

    ledger.attempts.report_progress(job, Progress(1, 2, text))
    finished = finish(ledger, job, Status.FAILED, error=JobError(text, text, text), result=[text])

    found = ledger.get(job.id)
    assert found == finished
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


def test_change_is_published_to_the_job_to_its_owner_and_to_all(
    ledger: Ledger, redis: "Redis"
) -> None:
    job = a_job(owner=uuid4().hex, parameters={"secret": "ada@example.org"})
    channels = [job_channel(job.id), owner_channel(job.owner), ALL_CHANNEL]
    with redis.pubsub() as pubsub:
        pubsub.subscribe(*channels)
        ledger.admissions.record(job)
        claimed = claim(ledger, ledger.admissions.confirm(job))

        heard: dict[str, str] = {}
        while len([text for text in heard.values() if '"running"' in text]) < len(channels):
            message = pubsub.get_message(timeout=10)
            assert message is not None
            if message["type"] == "message" and job.id in message["data"]:
                heard[message["channel"]] = message["data"]

    assert set(heard) == set(channels)
    for text in heard.values():
        assert "ada@example.org" not in text
        assert decode_job(json.loads(text)) == replace(claimed, parameters={})


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


def test_of_withdrawal_and_confirm_at_once_one_wins_for_good(ledger: Ledger) -> None:
    for _ in range(20):
        job = recorded(ledger)

        results = at_once(
            [
                lambda job=job: ledger.admissions.confirm(job),
                lambda job=job: ledger.admissions.withdraw(job),
            ]
        )

        is_confirmed = any(isinstance(result, Job) for result in results)
        status = ledger.get(job.id).status
        assert status is (Status.QUEUED if is_confirmed else Status.CANCELLED)
        assert len([result for result in results if isinstance(result, TransitionError)]) == 1


def test_of_many_claims_at_once_exactly_one_holds_the_lease(ledger: Ledger) -> None:
    job = queued(ledger)

    claims = at_once(
        [
            lambda number=number: ledger.attempts.claim(job, "short@here", f"here:{number}:1")
            for number in range(8)
        ]
    )

    assert [each.attempt for each in claims if isinstance(each, Job)] == [1]
    assert len([each for each in claims if isinstance(each, LeasedError)]) == 7


def test_running_job_cannot_be_claimed_while_its_lease_holds(ledger: Ledger) -> None:
    first = running(ledger)

    with pytest.raises(LeasedError) as caught:
        ledger.attempts.claim(first, "other@there", "there:2:2")

    assert caught.value.holder == HOLDER
    assert ledger.get(first.id) == first


def test_process_that_runs_one_job_at_a_time_can_claim_what_it_held(ledger: Ledger) -> None:
    """Its earlier attempt is over, or it could not ask."""
    first = running(ledger)

    assert claim(ledger, first).attempt == 2


@pytest.mark.parametrize("attempts", [1, 2])
def test_claim_that_redis_executes_twice_is_one_attempt(ledger: Ledger, attempts: int) -> None:
    """Its answer was lost with the connection, and the client asked again."""
    job = queued(ledger)
    for _ in range(attempts - 1):
        job = claim(ledger, job)

    first = claim(ledger, job)
    second = claim(ledger, job)

    assert second.attempt == first.attempt == attempts
    assert second.version == first.version
    assert ledger.get(job.id).losses == attempts - 1


def test_success_that_redis_executes_twice_is_told_once_more(ledger: Ledger) -> None:
    job, told = running(ledger), []
    ledger.attempts.succeed_later(job, '{"status": "SUCCESS"}', 7, told.append)
    step, _ = ledger.steps._deferred.pop()

    first, second = ledger.steps.work_each([step, step])

    assert first == second == ["moved", str(ledger.get(job.id).version)]


def reserve(ledger: Ledger, job: Job, holder: str = HOLDER) -> bool:
    (is_reserved,) = ledger.attempts.reserve([(job.id, job.kind)], holder)
    return is_reserved


def test_reserved_job_stays_queued_and_is_nobody_elses(ledger: Ledger) -> None:
    job = queued(ledger)

    assert reserve(ledger, job)
    assert reserve(ledger, job)  # Redis has executed the call twice

    assert ledger.get(job.id) == job
    assert not reserve(ledger, job, "there:2:2#1")
    with pytest.raises(LeasedError):
        ledger.attempts.claim(job, "other@there", "there:2:2#1")


def test_success_of_a_reserved_job_is_written_as_any_other(ledger: Ledger, redis: "Redis") -> None:
    one, other = (queued(ledger, owner=uuid4().hex) for _ in range(2))
    told: list[Any] = []
    reserve(ledger, one)
    begun = replace(
        one, status=Status.RUNNING, attempt=1, worker="short@here", started_at=datetime.now(UTC)
    )

    ledger.attempts.succeed_later(begun, '{"status": "SUCCESS"}', 7, told.append, holder=HOLDER)
    ledger.steps.flush()
    finish(ledger, claim(ledger, other), result=7, celery_result='{"status": "SUCCESS"}')

    (finished,) = told
    assert _written(redis, one) == _written(redis, other)
    found = ledger.get(one.id)
    assert replace(found, expires_at=None, version=finished.version) == finished
    for key in ("jobs:leases", f"jobs:waiting:{one.queue}"):
        assert redis.zscore(key, one.id) is None


@pytest.mark.parametrize("is_taken_over", [False, True])
def test_success_of_a_reserved_job_is_refused_where_it_is_over(
    ledger: Ledger, is_taken_over: bool
) -> None:
    job, told = queued(ledger), []
    reserve(ledger, job)
    if is_taken_over:
        claim_again(ledger, job)
    else:
        ledger.cancel(job.id)

    begun = replace(job, status=Status.RUNNING, attempt=1, started_at=datetime.now(UTC))
    ledger.attempts.succeed_later(begun, "{}", 7, told.append, holder=HOLDER)
    ledger.steps.flush()

    assert isinstance(told[0], TransitionError)
    expected = Status.RUNNING if is_taken_over else Status.CANCELLED
    assert ledger.get(job.id).status is expected


def test_reserved_job_can_be_claimed_by_who_has_reserved_it(ledger: Ledger) -> None:
    job, told = queued(ledger), []
    reserve(ledger, job)

    claimed = claim(ledger, job)
    ledger.attempts.succeed_later(claimed, "{}", 7, told.append, holder=HOLDER)
    ledger.steps.flush()

    assert (claimed.status, claimed.attempt, claimed.losses) == (Status.RUNNING, 1, 0)
    assert told[0].status is Status.SUCCEEDED


def test_job_whose_reservation_was_given_up_is_free(ledger: Ledger) -> None:
    first, second = queued(ledger), queued(ledger)
    for job in (first, second):
        reserve(ledger, job)

    ledger.attempts.release([(job.id, HOLDER) for job in (first, second)])

    assert reserve(ledger, first, "there:2:2#1")
    assert ledger.attempts.claim(second, "other@there", "there:2:2#1").attempt == 1


def test_job_whose_process_was_killed_is_claimed_by_itself_and_has_lost_nothing(
    ledger: Ledger,
) -> None:
    """It may have killed the process, and would kill another one with all that begin with it."""
    job = queued(ledger)
    reserve(ledger, job)

    assert not reserve(ledger, job, "there:2:2#1")
    claimed = claim_again(ledger, job)

    assert (claimed.attempt, claimed.losses) == (1, 0)


def test_only_a_first_attempt_of_its_kind_can_be_reserved(ledger: Ledger) -> None:
    accepted, again = recorded(ledger), retry(ledger, running(ledger))
    requeue = ledger.attempts.requeue(running(ledger).id, worker="short@here")
    other = queued(ledger)

    wanted = [(job.id, job.kind) for job in (accepted, again, requeue)]
    answers = ledger.attempts.reserve(
        [*wanted, (other.id, "data.analyze"), ("unknown", "x")], "a:1:1#1"
    )

    assert answers == [False] * 5


def test_lease_of_a_reserved_job_is_renewed_where_its_process_cannot_claim_it(
    ledger: Ledger, redis: "Redis"
) -> None:
    job, never = queued(ledger), queued(ledger)
    reserve(ledger, job)
    until = redis.zscore("jobs:leases", job.id)

    held = ledger.attempts.renew_each([replace(each, attempt=1) for each in (job, never)])

    assert held == [LeaseState.HELD, LeaseState.LOST]
    assert redis.zscore("jobs:leases", job.id) > until


def test_broken_record_spoils_no_other_reservation(ledger: Ledger, redis: "Redis") -> None:
    jobs = [queued(ledger) for _ in range(15)]
    redis.set(job_key("broken"), "no hash")

    try:
        answers = ledger.attempts.reserve(
            [("broken", "x"), *((job.id, job.kind) for job in jobs)], HOLDER
        )
    finally:
        redis.delete(job_key("broken"))

    assert answers == [False, *[True] * 15]


def test_lease_of_another_holder_than_the_one_that_is_gone_cannot_be_taken_over(
    ledger: Ledger,
) -> None:
    """Of two workers that saw the same holder die, the second finds the first's lease."""
    first = running(ledger)
    claim_again(ledger, first)

    with pytest.raises(LeasedError):
        ledger.attempts.claim(first, "third@there", "there:3:3", gone_holder=HOLDER)


def lease_seconds(ledger: Ledger, job: Job) -> float | None:
    """How long the job's lease still holds."""
    (ends,) = ledger.find_lease_ends([job.id])
    return (ends - ledger.read_time()).total_seconds() if ends else None


def test_holder_of_a_lease_that_has_run_out_gets_a_last_call(
    ledger: Ledger, redis: "Redis"
) -> None:
    """It, or Redis, may only have been away: two copies must not run at the same time."""
    first = running(ledger)
    assert 0 < (lease_seconds(ledger, first) or 0) <= LEASE_SECONDS
    redis.zadd("jobs:leases", {first.id: 1})

    with pytest.raises(LeasedError) as caught:
        ledger.attempts.claim(first, "other@there", "there:2:2")
    assert caught.value.state is HolderState.LAST_CALL

    assert ledger.attempts.renew_each([first]) == [LeaseState.HELD]
    with pytest.raises(LeasedError):
        ledger.attempts.claim(first, "other@there", "there:2:2")


def test_lease_that_nobody_renews_at_its_last_call_frees_the_job(
    ledger: Ledger, redis: "Redis"
) -> None:
    first = running(ledger)
    for state in (HolderState.LAST_CALL, HolderState.SILENT):
        redis.zadd("jobs:leases", {first.id: 1})
        with pytest.raises(LeasedError) as caught:
            ledger.attempts.claim(first, "other@there", "there:2:2")
        assert caught.value.state is state

    second = ledger.attempts.claim(first, "other@there", "there:2:2", silent_holder=HOLDER)

    assert second.attempt == 2
    assert second.attempts[0].outcome is AttemptOutcome.LOST
    assert ledger.attempts.renew_each([first]) == [LeaseState.LOST]


def test_holder_that_is_heard_of_at_last_is_not_silent(ledger: Ledger, redis: "Redis") -> None:
    first = running(ledger)
    redis.zadd("jobs:leases", {first.id: 1})
    with pytest.raises(LeasedError):
        ledger.attempts.claim(first, "other@there", "there:2:2")
    ledger.attempts.renew_each([first])

    with pytest.raises(LeasedError):
        ledger.attempts.claim(first, "other@there", "there:2:2", silent_holder=HOLDER)


def test_renewed_lease_lasts_longer(ledger: Ledger, redis: "Redis") -> None:
    job = running(ledger)
    redis.zadd("jobs:leases", {job.id: 1})

    assert ledger.attempts.renew_each([job]) == [LeaseState.HELD]

    assert (lease_seconds(ledger, job) or 0) > 1


def test_renewal_tells_of_a_cancel_and_of_another_attempt(ledger: Ledger) -> None:
    cancelled, overtaken, finished = running(ledger), running(ledger), running(ledger)
    ledger.cancel(cancelled.id)
    claim_again(ledger, overtaken)
    finish(ledger, finished)

    found = ledger.attempts.renew_each([cancelled, overtaken, finished])

    assert found == [LeaseState.CANCEL, LeaseState.LOST, LeaseState.LOST]


def test_renewal_that_redis_cannot_do_spoils_no_other(ledger: Ledger, redis: "Redis") -> None:
    """More of them than go into one call."""
    jobs = [running(ledger) for _ in range(20)]
    bad = jobs[3]
    redis.delete(f"job:{bad.id}")
    redis.set(f"job:{bad.id}", "no hash")
    for job in jobs:
        redis.zadd("jobs:leases", {job.id: 1})

    found = ledger.attempts.renew_each(jobs)

    assert isinstance(found.pop(3), ResponseError)
    assert found == [LeaseState.HELD] * 19
    assert all((lease_seconds(ledger, job) or 0) > 1 for job in jobs if job != bad)
    redis.delete(f"job:{bad.id}")


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_end_of_a_job_ends_its_lease(ledger: Ledger, status: Status) -> None:
    job = running(ledger)

    finish(ledger, job, status)

    assert lease_seconds(ledger, job) is None


def test_attempt_that_is_retried_ends_its_lease(ledger: Ledger) -> None:
    job = running(ledger)

    retry(ledger, job)

    assert lease_seconds(ledger, job) is None


def test_job_that_was_put_back_is_leased_until_its_process_has_ended(ledger: Ledger) -> None:
    job = running(ledger)

    ledger.attempts.requeue(job.id, worker=job.worker)

    with pytest.raises(LeasedError):
        ledger.attempts.claim(job, "other@there", "there:2:2")
    assert 0 < (lease_seconds(ledger, job) or 0) < LEASE_SECONDS / 2


def test_job_whose_process_does_not_end_is_leased_on(ledger: Ledger) -> None:
    job = running(ledger)

    ledger.attempts.requeue(job.id, worker=job.worker, is_over=False)

    assert (lease_seconds(ledger, job) or 0) > LEASE_SECONDS / 2


def test_stopping_worker_puts_back_no_job_of_another(ledger: Ledger) -> None:
    job = running(ledger)

    with pytest.raises(TransitionError):
        ledger.attempts.requeue(job.id, worker="other@there")

    assert ledger.get(job.id) == job


def test_every_attempt_is_kept(ledger: Ledger) -> None:
    due_at = datetime.now(UTC) + timedelta(seconds=5)
    first = running(ledger, submitted_at=NOON)
    retry(ledger, first, due_at)
    second = claim(ledger, first)
    ledger.attempts.requeue(second.id, worker=second.worker)
    third = ledger.attempts.claim(second, "short@here", "here:3:3", gone_holder="here:1:1#1")
    fourth = ledger.attempts.claim(third, "other@there", "there:2:2", gone_holder="here:3:3")
    finished = finish(
        ledger, fourth, Status.FAILED, error=JobError("ValueError", "no", "Traceback")
    )

    attempts = ledger.get(finished.id).attempts

    assert [each.number for each in attempts] == [1, 2, 3, 4]
    assert [each.outcome.value for each in attempts] == [
        *("retried", "interrupted", "lost", "failed"),
    ]
    assert [each.worker for each in attempts] == [*["short@here"] * 3, "other@there"]
    assert [each.error and each.error.type for each in attempts] == [
        *("TemporaryError", None, None, "ValueError"),
    ]
    assert attempts[0].wait_seconds == (first.started_at - NOON).total_seconds()  # type: ignore[operator]
    assert attempts[1].available_at == due_at
    assert all(each.started_at and each.finished_at for each in attempts)


def test_job_that_loses_its_worker_too_often_is_given_up(ledger: Ledger) -> None:
    job = running(ledger)
    claim(ledger, job)
    with pytest.raises(ExhaustedError):
        ledger.attempts.claim(job, "short@here", HOLDER, most_losses=2)

    dead = ledger.mark_dead(job.id, JobError("WorkerLost", "killed"))

    assert dead.status is Status.DEAD
    assert [each.outcome.value for each in dead.attempts] == ["lost", "lost"]


@pytest.mark.parametrize("end", ["retry", "requeue"])
def test_attempt_that_ended_in_order_does_not_count_as_lost(ledger: Ledger, end: str) -> None:
    job = running(ledger)
    for _ in range(3):
        if end == "retry":
            retry(ledger, job)
        else:
            ledger.attempts.requeue(job.id, worker=job.worker)
        job = ledger.attempts.claim(job, "short@here", HOLDER, most_losses=1)

    assert (job.attempt, job.losses) == (4, 0)


def a_kind() -> str:
    """A kind that no other test has."""
    return f"test.{uuid4().hex}"


def test_jobs_are_listed_newest_first_page_by_page(ledger: Ledger) -> None:
    """Those of one moment too: a bulk submit may make many."""
    chosen = JobFilter(kind=frozenset({a_kind()}))
    (kind,) = chosen.kind
    moments = [NOON, *[NOON + timedelta(seconds=1)] * 5, NOON + timedelta(seconds=2)]
    jobs = [recorded(ledger, kind=kind, submitted_at=moment) for moment in moments]

    pages, cursor = [], ""
    while True:
        page = ledger.list_jobs(chosen, cursor, limit=2)
        pages.append(page.jobs)
        if not page.next_cursor:
            break
        cursor = page.next_cursor

    assert [len(page) for page in pages] == [2, 2, 2, 1]
    listed = [job for page in pages for job in page]
    assert listed == sorted(jobs, key=lambda job: (job.submitted_at, job.id), reverse=True)


def test_list_is_filtered_by_status_queue_and_time(ledger: Ledger) -> None:
    kind = a_kind()
    short, long = (
        recorded(ledger, kind=kind, queue=queue, submitted_at=NOON + timedelta(hours=hours))
        for queue, hours in (("short", 0), ("long", 1))
    )
    finished = finish(ledger, running(ledger, kind=kind, submitted_at=NOON + timedelta(hours=2)))

    def listed(**changes: Any) -> list[str]:
        chosen = JobFilter(kind=frozenset({kind}), **changes)
        return [job.id for job in ledger.list_jobs(chosen).jobs]

    assert listed() == [finished.id, long.id, short.id]
    assert listed(status=frozenset({"succeeded"})) == [finished.id]
    assert listed(queue=frozenset({"long"})) == [long.id]
    assert listed(submitted_after=NOON) == [finished.id, long.id]
    assert listed(submitted_before=NOON + timedelta(hours=1)) == [short.id]
    assert listed(status=frozenset({"dead"})) == []


@pytest.mark.parametrize("cursor", ["x", "!!", "MTc", "☕"])
def test_cursor_that_was_not_given_out_is_refused(ledger: Ledger, cursor: str) -> None:
    with pytest.raises(InvalidInputError):
        ledger.list_jobs(JobFilter(), cursor)


def test_full_queue_takes_no_job_and_tells_its_depth(ledger: Ledger, redis: "Redis") -> None:
    queue = f"queue-{uuid4().hex}"
    rule = Admission(queue_limit=2)
    for _ in range(2):
        ledger.admissions.record(a_job(queue=queue), rule)

    with pytest.raises(QueueFullError) as caught:
        ledger.admissions.record(a_job(queue=queue), rule)

    assert caught.value.depth == 2


def test_scheduled_and_running_jobs_do_not_fill_a_queue(ledger: Ledger) -> None:
    queue = f"queue-{uuid4().hex}"
    rule = Admission(queue_limit=1)
    ledger.admissions.record(
        a_job(queue=queue, run_at=datetime.now(UTC) + timedelta(hours=1)), rule
    )
    running(ledger, queue=queue)

    assert ledger.admissions.record(a_job(queue=queue), rule).is_new


def test_one_job_holds_a_deduplication_key(ledger: Ledger) -> None:
    rule = Admission(unique_key=uuid4().hex, unique_seconds=60)
    first = ledger.admissions.record(a_job(), rule)

    again = ledger.admissions.record(a_job(), rule)

    assert (first.is_new, again.is_new) == (True, False)
    assert again.job == ledger.get(first.job.id)


def test_holder_that_is_not_confirmed_gets_the_time_of_a_new_job(ledger: Ledger) -> None:
    key = uuid4().hex
    rule = Admission(budget_seconds=0.001, unique_key=key, unique_seconds=60)
    holder = ledger.admissions.record(a_job(), rule).job

    again = ledger.admissions.record(a_job(), replace(rule, budget_seconds=60))

    assert again.job.id == holder.id
    assert ledger.admissions.confirm(holder).status is Status.QUEUED


@pytest.mark.parametrize(
    ("finished", "is_free"),
    [(Status.SUCCEEDED, False), (Status.FAILED, True), (Status.CANCELLED, True)],
)
def test_deduplication_key_is_free_after_a_failure_only(
    ledger: Ledger, finished: Status, is_free: bool
) -> None:
    rule = Admission(unique_key=uuid4().hex, unique_seconds=60)
    job = ledger.admissions.record(a_job(), rule).job
    finish(ledger, claim(ledger, ledger.admissions.confirm(job)), finished)

    assert ledger.admissions.record(a_job(), rule).is_new is is_free


def test_cancelled_job_submits_no_more_jobs(ledger: Ledger) -> None:
    parent = running(ledger)
    child = recorded(ledger, parent_id=parent.id)
    ledger.cancel(parent.id)

    with pytest.raises(CancelledError):
        ledger.admissions.record(a_job(parent_id=parent.id))

    assert ledger.tree.list_children(parent.id) == [child.id]


def test_retry_is_due_when_it_says(ledger: Ledger) -> None:
    """Until then it does not count as waiting."""
    job = running(ledger, queue="long")
    before = {queue.name: queue for queue in ledger.list_queues(["short", "long"])}["long"]

    retry(ledger, job, datetime.now(UTC) + timedelta(hours=1))

    after = {queue.name: queue for queue in ledger.list_queues(["short", "long"])}["long"]
    assert after.scheduled == before.scheduled + 1
    ledger.cancel(job.id)


def test_waiting_job_is_cancelled_at_once_and_celery_reads_revoked(
    ledger: Ledger, redis: "Redis"
) -> None:
    job = queued(ledger)

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
    first = recorded(ledger, owner=uuid4().hex)

    again = ledger.admissions.record(replace(first, parameters={"type": 1}))

    assert (again.is_new, again.job) == (False, first)
    assert ledger.list_owned(first.owner) == [first]


def test_repetition_of_a_submit_gets_the_time_of_a_new_one(ledger: Ledger) -> None:
    """Nobody has decided yet: maybe the first request died on the way."""
    job = ledger.admissions.record(a_job(), Admission(budget_seconds=0.001)).job

    ledger.admissions.record(job, Admission(budget_seconds=60))

    assert ledger.admissions.confirm(job).status is Status.QUEUED


def test_many_jobs_are_recorded_and_confirmed_in_one_round_trip(ledger: Ledger) -> None:
    jobs = [a_job() for _ in range(20)]

    recorded = ledger.admissions.record_many(jobs, Admission())
    ledger.admissions.withdraw(jobs[3])
    confirmed = ledger.admissions.confirm_many(jobs)

    assert len(recorded) == 20
    assert [type(answer) for answer in confirmed] == [
        TransitionError if number == 3 else Job for number in range(20)
    ]


def test_job_whose_record_redis_cannot_write_spoils_none_of_its_batch(
    ledger: Ledger, redis: "Redis"
) -> None:
    jobs = [a_job() for _ in range(16)]
    redis.set(job_key(jobs[5].id), "no hash")

    answers = ledger.admissions.record_many(jobs, Admission())
    redis.delete(job_key(jobs[5].id))

    kinds = [type(answer) for answer in answers]
    assert kinds == [Recorded] * 5 + [ResponseError] + [Recorded] * 10
    assert [ledger.get(job.id).status for job in (jobs[4], jobs[6])] == [Status.ACCEPTED] * 2


def test_job_whose_confirm_redis_cannot_note_spoils_none_of_its_batch(
    ledger: Ledger, redis: "Redis"
) -> None:
    jobs = [recorded(ledger) for _ in range(16)]
    redis.delete(job_key(jobs[5].id))
    redis.set(job_key(jobs[5].id), "no hash")

    answers = ledger.admissions.confirm_many(jobs)
    redis.delete(job_key(jobs[5].id))

    kinds = [type(answer) for answer in answers]
    assert kinds == [Job] * 5 + [ResponseError] + [Job] * 10
    assert [ledger.get(job.id).status for job in (jobs[4], jobs[6])] == [Status.QUEUED] * 2


def test_same_job_and_the_same_deduplication_key_are_found_within_a_batch(ledger: Ledger) -> None:
    twin, holder, other = a_job(), a_job(), a_job()
    rule = Admission(unique_key=str(uuid4()), unique_seconds=60)
    plain = Admission()

    answers = ledger.admissions.record_many([twin, twin, holder, other], [plain, plain, rule, rule])

    found = [(answer.job.id, answer.is_new) for answer in answers if isinstance(answer, Recorded)]
    assert found == [(twin.id, True), (twin.id, False), (holder.id, True), (holder.id, False)]
    confirmed = ledger.admissions.confirm_many([twin, twin, holder, holder], by="us")
    assert [job.status for job in confirmed if isinstance(job, Job)] == [Status.QUEUED] * 4


def test_full_queue_takes_as_many_of_a_batch_as_there_is_room_for(ledger: Ledger) -> None:
    queue = uuid4().hex
    rule = Admission(queue_limit=20)

    answers = ledger.admissions.record_many([a_job(queue=queue) for _ in range(40)], rule)

    assert [type(answer) for answer in answers] == [Recorded] * 20 + [QueueFullError] * 20


def test_job_that_another_submit_has_confirmed_is_not_withdrawn_by_that_ones_doubts(
    ledger: Ledger,
) -> None:
    """Both have published it, and the second one tells its client that it is taken."""
    job = recorded(ledger)
    ledger.admissions.confirm_many([job], by="first")

    (found,) = ledger.admissions.confirm_many([job], by="second")

    assert isinstance(found, Job)
    with pytest.raises(TransitionError):
        ledger.admissions.withdraw(job, in_doubt_by="first")
    assert ledger.get(job.id).status is Status.QUEUED


def test_job_that_never_began_ends_without_a_record(ledger: Ledger, redis: "Redis") -> None:
    job = a_job(id=str(uuid4()), owner=str(uuid4()), status=Status.QUEUED)

    finished = ledger.attempts.end_unrecorded(
        job, Status.FAILED, celery_result='{"status":"FAILURE"}', error=JobError("ChordError", "x")
    )

    assert (finished.status, finished.attempts) == (Status.FAILED, ())
    assert ledger.get(job.id) == finished
    assert redis.get(f"celery-task-meta-{job.id}") == '{"status":"FAILURE"}'
    assert finished.expires_at
    assert job.id not in redis.zrange(f"jobs:waiting:{job.queue}", 0, -1)


def test_job_that_has_begun_does_not_end_as_one_that_never_did(ledger: Ledger) -> None:
    job = running(ledger)

    with pytest.raises(TransitionError):
        ledger.attempts.end_unrecorded(job, Status.CANCELLED, celery_result="{}", error=None)

    assert ledger.get(job.id).status is Status.RUNNING


def test_results_without_a_record_are_removed(ledger: Ledger, redis: "Redis") -> None:
    """But for those that go by themselves: they may be of tasks that are no kinds."""
    job, orphan, plain = finish(ledger, running(ledger)), str(uuid4()), str(uuid4())
    redis.set(f"celery-task-meta-{orphan}", "{}")
    redis.set(f"celery-task-meta-{plain}", "{}", ex=600)

    removed, cursor = [], 0
    while True:
        cursor, ids = ledger.remove_orphans(cursor)
        removed += ids
        if not cursor:
            break

    assert orphan in removed
    assert not {job.id, plain} & set(removed)
    assert not redis.exists(f"celery-task-meta-{orphan}")
