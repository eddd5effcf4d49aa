"""Programs that know Celery only: what they submit and ask for works as with any Celery app."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery, chain, chord, group
from celery.exceptions import ChordError, TaskRevokedError
from celery.result import AsyncResult
from kombu import Exchange, Queue
from redis import Redis

from project.config import Settings
from project.errors import InvalidInputError, NotFoundError, PermanentError
from project.ledger import Ledger, Status
from project.server.tasks import celery, create_task
from tests.builders import CUT_OFF
from tests.integration.client import Client
from tests.waiting import wait_until

RESULT_SECONDS = 30

pytestmark = pytest.mark.usefixtures("settings")


def test_result_of_our_job_can_be_awaited(browser: Client) -> None:
    task_id = browser.start_task(0)

    result = AsyncResult(task_id, app=celery)

    assert result.get(timeout=RESULT_SECONDS) is True
    assert result.status == "SUCCESS"
    assert result.successful()
    assert result.date_done


def test_failure_of_our_job_is_raised_again(browser: Client) -> None:
    job = browser.submit("image.thumbnail", {"picture": browser.send_file(CUT_OFF)})

    result = AsyncResult(job["id"], app=celery)

    with pytest.raises(PermanentError, match="picture"):
        result.get(timeout=RESULT_SECONDS)
    assert result.status == "FAILURE"
    assert "Traceback" in str(result.traceback)


def test_delayed_task_is_in_the_ledger(browser: Client, ledger: Ledger) -> None:
    result = create_task.delay(0)

    assert result.get(timeout=RESULT_SECONDS) is True
    job = ledger.get(result.id)
    assert (job.kind, job.queue, job.status) == ("create_task", "short", Status.SUCCEEDED)
    assert job.parameters == {"type": 0}
    assert job.result is True
    assert browser.get(f"/tasks/{result.id}").json() == {
        "task_id": result.id,
        "task_status": "SUCCESS",
        "task_result": True,
    }


@pytest.mark.parametrize(("args", "kwargs"), [((0,), {}), ((), {"type": 0}), (("0",), {})])
def test_task_may_be_called_by_position_or_by_name(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    assert create_task.delay(*args, **kwargs).get(timeout=RESULT_SECONDS) is True


def test_wrong_parameter_fails_the_task_and_says_why(ledger: Ledger) -> None:
    result = create_task.delay("soon")

    with pytest.raises(InvalidInputError, match="type"):
        result.get(timeout=RESULT_SECONDS)
    job = ledger.get(result.id)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.type == "InvalidInputError"


@pytest.mark.parametrize("value", [2**64, "\ud83d", float("nan")])
def test_value_that_cannot_be_stored_is_refused_to_the_caller(value: Any) -> None:
    mail = {"recipient": "ada@example.org", "subject": "s", "text": "t", "values": {"n": value}}

    with pytest.raises(InvalidInputError, match=r"values\.n"):
        celery.tasks["email.send"].delay(**mail)


def test_countdown_is_waited_for_by_the_broker_and_keeps_the_queue(ledger: Ledger) -> None:
    result = create_task.apply_async(args=[0], countdown=1)

    assert result.get(timeout=RESULT_SECONDS) is True
    assert ledger.get(result.id).queue == "short"


def test_program_without_our_code_can_send_by_name(settings: Settings, ledger: Ledger) -> None:
    """It names the queue and declares nothing: what Celery's defaults would make, it may not."""
    queue = Queue("short", Exchange("jobs", no_declare=True), "short", no_declare=True)
    with Celery(broker=settings.broker_url, set_as_current=False) as elsewhere:
        elsewhere.conf.task_queues = [queue]
        sent = elsewhere.send_task("create_task", kwargs={"type": 0}, queue="short")

    def finished() -> bool:
        try:
            return ledger.get(sent.id).status is Status.SUCCEEDED
        except NotFoundError:
            return False

    wait_until(finished, RESULT_SECONDS, "the job to succeed")


def test_canvas_of_tasks_works() -> None:
    one = create_task.si(0)

    assert chain(one, one).apply_async().get(timeout=RESULT_SECONDS) is True
    assert group(one, one).apply_async().get(timeout=RESULT_SECONDS) == [True, True]
    assert chord([one, one], one).apply_async().get(timeout=RESULT_SECONDS) is True


def test_callback_of_a_chord_whose_header_failed_has_failed(ledger: Ledger) -> None:
    callback = create_task.si(0)
    failed = chord([create_task.s(0), create_task.s(-5)], callback)()

    assert isinstance(failed.get(timeout=RESULT_SECONDS, propagate=False), ChordError)
    job = ledger.get(failed.id)
    assert (job.status, job.kind, job.attempts) == (Status.FAILED, "create_task", ())
    assert job.error
    assert job.error.type == "ChordError"
    assert job.parameters == {"type": 0}


def test_group_after_a_header_that_failed_has_failed(ledger: Ledger) -> None:
    one = create_task.si(0)
    failed = chord([create_task.s(-5)], group(one, chain(one, one)))()

    for result in failed.results:
        with pytest.raises(InvalidInputError):
            result.get(timeout=RESULT_SECONDS, disable_sync_subtasks=False)
        assert ledger.get(result.id).status is Status.FAILED


def test_step_of_a_chain_after_one_that_failed_has_failed(ledger: Ledger) -> None:
    last = chain(create_task.si(-5), create_task.si(0)).apply_async()

    assert isinstance(last.get(timeout=RESULT_SECONDS, propagate=False), InvalidInputError)
    assert ledger.get(last.id).status is Status.FAILED


def test_message_that_has_expired_is_revoked(ledger: Ledger) -> None:
    expired = create_task.apply_async((0,), expires=datetime.now(UTC) - timedelta(seconds=5))

    with pytest.raises(TaskRevokedError):
        expired.get(timeout=RESULT_SECONDS)
    job = ledger.get(expired.id)
    assert (job.status, job.queue, job.parameters) == (Status.CANCELLED, "short", {"type": 0})


def test_task_that_is_revoked_before_it_begins_never_runs(ledger: Ledger) -> None:
    revoked = create_task.apply_async((0,), countdown=2)
    revoked.revoke()

    with pytest.raises(TaskRevokedError):
        revoked.get(timeout=RESULT_SECONDS)
    # The worker says so at once, and the record is there when the message has come.
    job = wait_until(lambda: ledger.find(revoked.id), RESULT_SECONDS, "the job's record")
    assert job is not None
    assert (job.status, job.attempts) == (Status.CANCELLED, ())


def test_ledger_has_the_outcome_of_a_task_whose_client_wants_none(ledger: Ledger) -> None:
    sent = create_task.apply_async((0,), ignore_result=True)

    def finished() -> bool:
        with suppress(NotFoundError):
            return ledger.get(sent.id).status is Status.SUCCEEDED
        return False

    wait_until(finished, RESULT_SECONDS, "the job to succeed")


def test_result_is_kept_as_long_as_the_record(
    browser: Client, settings: Settings, redis: "Redis"
) -> None:
    task_id = browser.start_task(0)
    browser.await_status(task_id, "succeeded")

    expires_at = datetime.fromisoformat(browser.job(task_id)["expires_at"])
    kept_seconds = (expires_at - datetime.now(UTC)).total_seconds()

    assert 0 < redis.ttl(f"celery-task-meta-{task_id}") <= settings.retention_seconds
    assert redis.ttl(f"celery-task-meta-{task_id}") == pytest.approx(kept_seconds, abs=2)


def test_revoked_task_that_runs_is_ended_and_recorded_as_cancelled(browser: Client) -> None:
    """As Flower's button does it."""
    task_id = browser.start_task(2)
    browser.await_status(task_id, "running", seconds=RESULT_SECONDS)

    celery.control.revoke(task_id, terminate=True)

    browser.await_status(task_id, "cancelled", seconds=RESULT_SECONDS)
    assert AsyncResult(task_id, app=celery).status == "REVOKED"


def test_task_that_is_revoked_while_it_runs_runs_to_its_end(browser: Client) -> None:
    """Without `terminate`. The other worker, which does not run it, knows nothing of it."""
    task_id = browser.start_task(1)
    browser.await_status(task_id, "running", seconds=RESULT_SECONDS)

    celery.control.revoke(task_id)

    assert AsyncResult(task_id, app=celery).get(timeout=RESULT_SECONDS) is True
    assert browser.job(task_id)["status"] == "succeeded"


def test_time_limit_of_zero_is_no_limit() -> None:
    assert create_task.apply_async((0,), time_limit=0, soft_time_limit=0).get(RESULT_SECONDS)


def test_workers_can_be_asked_what_they_know() -> None:
    registered = celery.control.inspect(timeout=5).registered()

    assert registered
    for tasks in registered.values():
        assert {"create_task", "image.thumbnail", "email.send", "files.sweep"} <= set(tasks)


def test_workers_tell_of_themselves() -> None:
    """Flower's list of workers is made of this."""
    told = celery.control.inspect(timeout=5).stats()

    assert told
    assert all(stats["pool"]["processes"] and stats["broker"] for stats in told.values())
