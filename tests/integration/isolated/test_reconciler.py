"""What an outage has left behind is repaired, and what cannot be done becomes a dead letter."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from celery.result import AsyncResult
from kombu import Exchange, Queue

from project.assembly import Assembly
from project.broker.message import Message, make_message
from project.broker.message_reader import REQUEUES_HEADER
from project.broker.publisher import Publisher
from project.broker.topology import DEAD_EXCHANGE, JOBS_EXCHANGE
from project.errors import InvalidInputError, NotFoundError
from project.ledger import Job, Status
from project.ledger.admissions import Admission
from project.ledger.dead_letters import DeadLetter, DeadLetterFilter, DeadLetters, DeathReason
from project.ledger.job import AttemptOutcome, format_time
from project.ledger.keys import job_key, waiting_key
from project.ledger.listing import JobFilter
from project.ledger.record_format import FORMAT, MOST_WAITS
from project.scheduler.reconciler.dead_letter_policy import MOST_REQUEUES
from project.scheduler.reconciler.rounds import Reconciler
from project.submission import Submitter
from tests.builders import a_job, a_trace
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.logbook import action_of
from tests.waiting import wait_until

SECONDS = 30
LONG_AGO = timedelta(hours=2)
NEWER = f"{FORMAT + 1} 9.0.0"


@pytest.fixture(scope="module")
def system(isolated: IsolatedSystem) -> IsolatedSystem:
    isolated.start_worker("worker-short")
    return isolated


@pytest.fixture(scope="module")
def reconciler(system: IsolatedSystem) -> Reconciler:
    return Assembly(system.direct).reconciler


@pytest.fixture(scope="module")
def publisher(system: IsolatedSystem) -> Publisher:
    return Publisher(system.direct.broker_url, "test")


@pytest.fixture
def letters(system: IsolatedSystem) -> Iterator[DeadLetters]:
    """The dead letters; none is left of other tests."""
    letters = DeadLetters(system.redis)
    yield letters
    for letter in letters.list_letters(DeadLetterFilter())[0]:
        letters.remove(letter.id)


def publish(publisher: Publisher, message: Message) -> None:
    assert publisher.publish([message], SECONDS) == [None]


def send_raw(publisher: Publisher, headers: dict[str, Any], body: bytes) -> None:
    publish(publisher, Message(uuid4().hex, JOBS_EXCHANGE.name, "short", headers, body))


def confirmed(system: IsolatedSystem, **changes: Any) -> Job:
    """A job that the ledger calls queued, and that nobody has published."""
    return system.ledger.admissions.confirm(system.ledger.admissions.record(a_job(**changes)).job)


def await_end(system: IsolatedSystem, job_id: str) -> Job:
    def finished() -> Job | None:
        job = system.ledger.get(job_id)
        return job if job.status.is_finished else None

    job = wait_until(finished, SECONDS, f"job {job_id} to end")
    assert job is not None
    return job


def await_letter(
    system: IsolatedSystem, reconciler: Reconciler, letters: DeadLetters, letter_id: str
) -> DeadLetter:
    """Take in what is dead-lettered until that one is there, and nothing is left to take in."""

    def find() -> DeadLetter | None:
        reconciler.run_once()
        if system.waiting("dead"):
            return None
        found, _ = letters.list_letters(DeadLetterFilter())
        return next((letter for letter in found if letter.id == letter_id), None)

    letter = wait_until(find, SECONDS, f"the dead letter {letter_id}")
    assert letter is not None
    return letter


@pytest.mark.parametrize(
    "case",
    [
        ("no.such.kind", b"[[], {}, {}]", DeathReason.UNKNOWN_KIND),
        ("create_task", b"\xff no JSON", DeathReason.UNDECODABLE),
        ("create_task", b'{"type": 1}', DeathReason.UNDECODABLE),
    ],
)
def test_message_that_cannot_be_done_is_a_dead_letter_and_its_job_is_dead(
    system: IsolatedSystem,
    reconciler: Reconciler,
    publisher: Publisher,
    letters: DeadLetters,
    case: tuple[str, bytes, DeathReason],
) -> None:
    task, body, reason = case
    job_id = str(uuid4())
    send_raw(publisher, {"task": task, "id": job_id, "lang": "py", "owner": "o"}, body)

    letter = await_letter(system, reconciler, letters, job_id)

    assert (letter.reason, letter.kind, letter.queue) == (reason, task, "short")
    assert letter.body == body
    assert letter.headers["owner"] == "o"
    job = system.ledger.get(job_id)
    assert job.status is Status.DEAD
    assert job.error
    assert job.error.message == letter.detail


@pytest.mark.parametrize("headers", [{}, {"task": "create_task"}, {"task": ["x"], "id": 7}])
def test_message_that_names_no_job_is_kept_and_ends_no_worker(
    system: IsolatedSystem,
    reconciler: Reconciler,
    publisher: Publisher,
    letters: DeadLetters,
    headers: dict[str, Any],
) -> None:
    body = uuid4().bytes
    pid = system.main_pid("worker-short")
    send_raw(publisher, headers, body)

    def bodies() -> list[bytes]:
        reconciler.run_once()
        return [letter.body for letter in letters.list_letters(DeadLetterFilter())[0]]

    wait_until(lambda: body in bodies(), SECONDS)

    healthy = confirmed(system)
    publish(publisher, make_message(healthy, a_trace()))
    assert await_end(system, healthy.id).status is Status.SUCCEEDED
    assert system.main_pid("worker-short") == pid


@pytest.mark.parametrize(
    "case",
    [
        ({"eta": "Mon Nov 30 2026 12:00:00 GMT+0000"}, b"[[0], {}, {}]"),
        ({"expires": "tomorrow"}, b"[[0], {}, {}]"),
        ({}, b"[[0], {}, null]"),
        ({"mine": "\ud83d"}, b"[[0], {}, null]"),
        ({"retries": "1"}, b"[[0], {}, {}]"),
        ({}, b"[[18446744073709551616], {}, {}]"),
    ],
)
def test_message_that_its_worker_refuses_is_a_dead_letter_at_once(
    system: IsolatedSystem,
    reconciler: Reconciler,
    publisher: Publisher,
    letters: DeadLetters,
    case: tuple[dict[str, Any], bytes],
) -> None:
    """As clients in other languages send them; it does not go back to be refused again."""
    (headers, body), job_id = case, str(uuid4())
    send_raw(publisher, {"task": "create_task", "id": job_id, "lang": "js", **headers}, body)

    letter = await_letter(system, reconciler, letters, job_id)

    assert letter.reason is DeathReason.UNDECODABLE
    assert letter.detail.startswith("The message cannot be read: ")
    assert not [
        line
        for line in system.log.about(job_id)
        if line["event"].get("action") == "message_requeued"
    ]


@pytest.mark.parametrize("deaths", ["x", ["x"], [{}], [{"queue": "short", "reason": 5}]])
def test_message_at_which_rabbitmq_would_stop_holds_up_no_other(
    system: IsolatedSystem,
    reconciler: Reconciler,
    publisher: Publisher,
    letters: DeadLetters,
    deaths: Any,
) -> None:
    """RabbitMQ 3.10 dead-letters nothing more of the queue after a forged `x-death`."""
    forged, other = str(uuid4()), str(uuid4())
    send_raw(publisher, {"task": "create_task", "id": forged, "x-death": deaths}, b"broken")
    send_raw(publisher, {"task": "create_task", "id": other}, b"broken")

    for job_id in (forged, other):
        letter = await_letter(system, reconciler, letters, job_id)
        assert (letter.reason, letter.body) == (DeathReason.UNDECODABLE, b"broken")
        letters.remove(job_id)


@pytest.mark.parametrize(
    ("headers", "embed"),
    [
        ({}, b"{}"),
        ({"group": "g"}, b"{}"),
        ({"expires": "2030-01-01T00:00:00Z"}, b"{}"),
        ({}, b'{"chord": {"task": "create_task", "kwargs": {"type": 0}}}'),
    ],
)
def test_empty_array_of_keyword_arguments_is_none(
    system: IsolatedSystem, publisher: Publisher, headers: dict[str, Any], embed: bytes
) -> None:
    """PHP and Lua write an empty map so. Whichever way Celery's worker goes with the message."""
    job_id = str(uuid4())
    named = {"task": "create_task", "id": job_id, "lang": "php", **headers}
    send_raw(publisher, named, b"[[0], [], " + embed + b"]")

    wait_until(lambda: system.ledger.find(job_id), SECONDS, "the job's record")
    assert await_end(system, job_id).status is Status.SUCCEEDED


def test_message_of_protocol_1_is_run(system: IsolatedSystem, publisher: Publisher) -> None:
    job_id = str(uuid4())
    body = {"task": "create_task", "id": job_id, "args": [0], "kwargs": {}, "retries": 0}
    send_raw(publisher, {}, json.dumps(body).encode())

    wait_until(lambda: system.ledger.find(job_id), SECONDS, "the job's record")
    job = await_end(system, job_id)
    assert (job.status, job.parameters) == (Status.SUCCEEDED, {"type": 0})


def test_record_that_redis_lost_is_rebuilt_from_its_message_as_it_was(
    system: IsolatedSystem, reconciler: Reconciler, publisher: Publisher, letters: DeadLetters
) -> None:
    """By the worker that runs it, and by the intake that gives it up."""
    wanted = {"owner": "me", "parent_id": "p", "root_id": "r", "key": "k", "rerun_of": "e"}
    run_at = datetime(2026, 1, 2, tzinfo=UTC)
    for address, headers in ((JOBS_EXCHANGE, {}), (DEAD_EXCHANGE, {"eta": "never"})):
        job = a_job(id=str(uuid4()), run_at=run_at, **wanted)
        message = make_message(job, a_trace(), headers=headers)
        lost = Message(job.id, address.name, "short", message.headers, message.body)
        publish(publisher, lost)
        if headers:
            await_letter(system, reconciler, letters, job.id)

        wait_until(lambda job=job: system.ledger.find(job.id), SECONDS, "the job's record")
        found = await_end(system, job.id)
        assert {name: getattr(found, name) for name in wanted} == wanted
        assert (found.run_at, found.submitted_at) == (run_at, job.submitted_at)


def plain_task(system: IsolatedSystem, *args: Any, name: str = "isolated.plain") -> AsyncResult:
    """Celery's own way to a task that is no kind; its result."""
    queue = Queue("short", Exchange("jobs", no_declare=True), "short", no_declare=True)
    app = Celery(
        broker=system.direct.broker_url, backend=system.direct.redis_url, set_as_current=False
    )
    app.conf.task_queues = [queue]
    return app.send_task(name, args=args, queue="short")


def test_task_that_is_no_kind_has_its_result(
    system: IsolatedSystem, reconciler: Reconciler
) -> None:
    result = plain_task(system, 4)

    assert result.get(timeout=SECONDS) == 3
    reconciler.run_once()
    assert result.get() == 3
    assert system.ledger.find(result.id) is None


@pytest.mark.parametrize(("args", "error"), [((0,), ZeroDivisionError), ((), TypeError)])
def test_task_that_is_no_kind_fails_as_celery_says(
    system: IsolatedSystem, args: tuple[Any, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        plain_task(system, *args).get(timeout=SECONDS)


@pytest.mark.parametrize(
    ("body", "result"), [(b"[[4], [], {}]", 3), (b"[[NaN], {}, {}]", "nan"), (b"[[4], {}, {}]", 3)]
)
def test_task_that_is_no_kind_is_called_with_all_that_celery_writes(
    system: IsolatedSystem, publisher: Publisher, body: bytes, result: Any
) -> None:
    job_id = str(uuid4())
    send_raw(publisher, {"task": "isolated.plain", "id": job_id}, body)

    found = plain_task(system, 4).app.AsyncResult(job_id).get(timeout=SECONDS)

    assert str(found) == str(float(result))


@pytest.mark.parametrize("body", [b'{"a": 1, "b": 2, "c": 3}', b'"abc"', b"[[4], {}, null]", b"{"])
def test_body_that_is_no_call_is_a_dead_letter_whatever_the_task(
    system: IsolatedSystem,
    reconciler: Reconciler,
    publisher: Publisher,
    letters: DeadLetters,
    body: bytes,
) -> None:
    """Celery would call it with the names of an object."""
    job_id = str(uuid4())
    send_raw(publisher, {"task": "isolated.plain", "id": job_id}, body)

    assert await_letter(system, reconciler, letters, job_id).body == body


def test_task_that_is_no_kind_is_retried(system: IsolatedSystem) -> None:
    """Its retry waits in RabbitMQ, as every message that is due later."""
    assert plain_task(system, name="isolated.plain_retry").get(timeout=SECONDS) == 2


@pytest.mark.parametrize("task", ["isolated.plain", "no.such.task", "create_task"])
def test_job_does_not_end_by_a_message_of_another_task_that_has_its_id(
    system: IsolatedSystem,
    reconciler: Reconciler,
    publisher: Publisher,
    letters: DeadLetters,
    task: str,
) -> None:
    """Whatever becomes of that: here it succeeds, is refused for its name, or for its kind."""
    job = confirmed(system, kind="isolated.part", parameters={"number": 5, "seconds": 3})
    publish(publisher, make_message(job, a_trace()))
    wait_until(lambda: system.ledger.get(job.id).status is Status.RUNNING, SECONDS)

    send_raw(publisher, {"task": task, "id": job.id}, b"[[4], {}, {}]")

    finished = await_end(system, job.id)
    assert (finished.status, finished.result, finished.attempt) == (Status.SUCCEEDED, 5, 1)
    if task != "isolated.plain":
        wait_until(lambda: reconciler.run_once()["dead_letters"], SECONDS)
        (letter,), _ = letters.list_letters(DeadLetterFilter())
        assert (letter.kind, letter.body) == (task, b"[[4], {}, {}]")
        assert letter.id != job.id


def test_message_that_died_without_a_fault_goes_back_and_is_done(
    system: IsolatedSystem, reconciler: Reconciler, publisher: Publisher
) -> None:
    job = confirmed(system)
    message = make_message(job, a_trace())
    publish(
        publisher,
        Message(job.id, DEAD_EXCHANGE.name, "short", message.headers, message.body),
    )

    with system.paused("worker-short"):  # a job that has ended meanwhile is not counted any more
        wait_until(lambda: reconciler.run_once()["dead_letters"], SECONDS)

    finished = await_end(system, job.id)
    assert finished.status is Status.SUCCEEDED
    assert finished.requeues == 1


def test_message_of_an_ended_job_is_dropped(
    system: IsolatedSystem, reconciler: Reconciler, publisher: Publisher, letters: DeadLetters
) -> None:
    job = confirmed(system)
    system.ledger.cancel(job.id)
    message = make_message(job, a_trace())
    publish(
        publisher,
        Message(job.id, DEAD_EXCHANGE.name, "short", message.headers, message.body),
    )

    wait_until(lambda: reconciler.run_once()["dead_letters"], SECONDS)

    assert letters.list_letters(DeadLetterFilter())[0] == []
    assert system.ledger.get(job.id).status is Status.CANCELLED


def test_job_whose_message_was_lost_is_published_again_once(
    system: IsolatedSystem, reconciler: Reconciler
) -> None:
    job = confirmed(system, run_at=datetime.now(UTC) - LONG_AGO)

    with system.paused("worker-short"):
        wait_until(lambda: reconciler.run_once()["lost"], SECONDS)

    assert await_end(system, job.id).status is Status.SUCCEEDED
    assert system.ledger.get(job.id).repairs == 1


def test_message_of_a_newer_format_waits_for_a_newer_worker(
    system: IsolatedSystem, publisher: Publisher
) -> None:
    """In its place a message of this format has the job run."""
    job = confirmed(system)
    message = make_message(job, a_trace(), headers={"format": NEWER})

    publish(publisher, message)

    wait_until(
        lambda: "job_requeued_later" in map(action_of, system.log.about(job.id)),
        SECONDS,
        "the log line",
    )
    assert system.ledger.get(job.id) == job
    publish(publisher, make_message(job, a_trace()))
    assert await_end(system, job.id).status is Status.SUCCEEDED


@pytest.mark.parametrize("record_format", [FORMAT, FORMAT + 1])
def test_message_that_no_newer_worker_takes_is_a_dead_letter_that_says_so(
    system: IsolatedSystem,
    reconciler: Reconciler,
    publisher: Publisher,
    letters: DeadLetters,
    record_format: int,
) -> None:
    """Whoever has written the record."""
    job = confirmed(system)
    system.redis.hset(job_key(job.id), "format", f"{record_format} 9.0.0")
    headers = {"format": NEWER, "waits_for_newer": MOST_WAITS}

    publish(publisher, make_message(job, a_trace(), headers=headers))

    wait_until(lambda: reconciler.run_once()["dead_letters"], SECONDS)
    assert system.redis.hget(job_key(job.id), "status") == "dead"
    assert "needs a newer worker" in letters.get(job.id).detail


def test_scheduled_job_is_lost_when_its_time_is_long_over_and_not_before(
    system: IsolatedSystem, reconciler: Reconciler
) -> None:
    job = confirmed(system, run_at=datetime.now(UTC) + LONG_AGO)
    assert job.status is Status.SCHEDULED
    assert reconciler.run_once()["lost"] == 0
    due_at = datetime.now(UTC) - LONG_AGO
    system.redis.hset(job_key(job.id), "run_at", format_time(due_at))
    system.redis.zadd(waiting_key(job.queue), {job.id: due_at.timestamp() * 1000})

    with system.paused("worker-short"):
        wait_until(lambda: reconciler.run_once()["lost"], SECONDS)

    assert await_end(system, job.id).status is Status.SUCCEEDED


def test_job_that_nobody_runs_any_more_is_run_again(
    system: IsolatedSystem, reconciler: Reconciler
) -> None:
    """Its worker's machine is gone, and its message was acknowledged or lost."""
    job = confirmed(system)
    claimed = system.ledger.attempts.claim(job, "short@elsewhere", "elsewhere:1:1")
    system.redis.zadd("jobs:leases", {job.id: 1})

    wait_until(lambda: reconciler.run_once()["lost"], SECONDS)
    assert reconciler.run_once()["lost"] == 0

    finished = await_end(system, job.id)
    assert finished.status is Status.SUCCEEDED
    assert [each.outcome for each in finished.attempts] == [
        AttemptOutcome.LOST,
        AttemptOutcome.SUCCEEDED,
    ]
    assert finished.attempts[0].worker == claimed.worker


def test_job_that_waits_its_turn_is_left_alone(
    system: IsolatedSystem, reconciler: Reconciler
) -> None:
    job = confirmed(system, queue="long")

    assert reconciler.run_once()["lost"] == 0

    system.ledger.cancel(job.id)


def test_job_whose_submit_never_ended_is_withdrawn(
    system: IsolatedSystem, reconciler: Reconciler
) -> None:
    job = system.ledger.admissions.record(a_job(), Admission(budget_seconds=0.001)).job
    under_way = system.ledger.admissions.record(a_job(), Admission(budget_seconds=600)).job

    wait_until(lambda: reconciler.run_once()["undecided"], SECONDS)

    assert system.ledger.get(job.id).is_withdrawn
    assert system.ledger.get(under_way.id).status is Status.ACCEPTED
    system.ledger.admissions.withdraw(under_way)


def test_job_whose_time_is_over_is_forgotten(
    system: IsolatedSystem, reconciler: Reconciler
) -> None:
    wait_until(lambda: reconciler.run_once()["expired"] == 0, SECONDS)  # other tests' jobs
    job = confirmed(system)
    system.ledger.cancel(job.id)
    system.redis.zadd("jobs:expiring", {job.id: 1})

    assert reconciler.run_once()["expired"] == 1

    assert system.ledger.find(job.id) is None
    listed = system.ledger.list_jobs(JobFilter(), limit=200).jobs
    assert job.id not in {each.id for each in listed}


@pytest.fixture
def submitter(system: IsolatedSystem, publisher: Publisher) -> Submitter:
    return Submitter(system.ledger, publisher, timeout_seconds=SECONDS)


@pytest.fixture
def letter(
    system: IsolatedSystem, reconciler: Reconciler, publisher: Publisher, letters: DeadLetters
) -> DeadLetter:
    """A dead letter of a job whose message came back too often."""
    job = confirmed(system)
    message = make_message(job, a_trace(), headers={REQUEUES_HEADER: MOST_REQUEUES})
    publish(publisher, replace(message, exchange=DEAD_EXCHANGE.name))
    return await_letter(system, reconciler, letters, job.id)


def test_dead_letter_is_replayed_as_a_new_job_that_is_linked_to_it(
    system: IsolatedSystem, submitter: Submitter, letters: DeadLetters, letter: DeadLetter
) -> None:
    again = submitter.rerun(letter.id, a_trace())

    assert await_end(system, again.id).status is Status.SUCCEEDED
    assert again.rerun_of == letter.id
    assert system.ledger.get(letter.id).rerun_as == again.id
    with pytest.raises(NotFoundError):
        letters.get(letter.id)
    assert submitter.rerun(letter.id, a_trace()).id == again.id


def test_dead_letter_is_replayed_with_other_parameters_if_the_kind_takes_them(
    system: IsolatedSystem, submitter: Submitter, letters: DeadLetters, letter: DeadLetter
) -> None:
    with pytest.raises(InvalidInputError):
        submitter.rerun(letter.id, a_trace(), {"type": "many"})
    assert letters.get(letter.id) == letter

    again = submitter.rerun(letter.id, a_trace(), {"type": "0"})

    assert await_end(system, again.id).parameters == {"type": 0}


def test_discarded_letter_leaves_the_record(
    system: IsolatedSystem, letters: DeadLetters, letter: DeadLetter
) -> None:
    letters.remove(letter.id)

    with pytest.raises(NotFoundError):
        letters.get(letter.id)
    assert system.ledger.get(letter.id).status is Status.DEAD


def test_letters_are_listed_newest_first_page_by_page(letters: DeadLetters) -> None:
    died_at = datetime.now(UTC)
    made = [
        DeadLetter(
            id=f"{number}-{uuid4().hex}",
            reason=DeathReason.REJECTED,
            detail="",
            kind="odd" if number % 2 else "even",
            died_at=died_at + timedelta(milliseconds=number // 3),  # three of each moment
        )
        for number in range(9)
    ]
    for letter in made:
        letters.add(letter)

    listed, cursor = [], ""
    while True:
        page, cursor = letters.list_letters(DeadLetterFilter(), cursor, limit=2)
        listed += page
        if not cursor:
            break

    assert sorted(letter.id for letter in listed) == sorted(letter.id for letter in made)
    assert [letter.died_at for letter in listed] == sorted(
        (letter.died_at for letter in listed), reverse=True
    )
    odd, _ = letters.list_letters(DeadLetterFilter(kind=frozenset({"odd"})))
    assert {letter.kind for letter in odd} == {"odd"}
    assert len(odd) == 4
