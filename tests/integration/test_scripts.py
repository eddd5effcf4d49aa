"""Each Lua script by itself, called as its head says: what it answers.

What the steps mean for a job is in `test_ledger.py` and `test_ledger_steps.py`.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis, ResponseError

import project
from project.ledger import Job, Ledger, Status
from project.ledger.job import CONFIRMED, FINISHED, PENDING, SOURCES, format_time
from project.ledger.keys import EXPIRING, children_key, job_key, log_key, needs_key, result_key
from project.ledger.record import encode_job
from project.ledger.steps import SINGLE, read_each, read_shared, read_single
from tests.builders import a_job

HOLDER = "here:1:1#1"
MINUTE = "60000"
NOW = format_time(datetime.now(UTC))
DOCUMENT = '{"status": "X"}'

Run = Callable[..., Any]


@pytest.fixture
def run(redis: "Redis") -> Run:
    """Runs a script by its file's name: `run("claim.lua", [keys], *arguments)`."""

    def run(name: str, keys: list[str], *arguments: object) -> Any:
        stem = name.removesuffix(".lua")
        if stem in {"append", "put"}:
            (path,) = Path(project.__file__).parent.rglob(name)
            return redis.eval(path.read_text(), len(keys), *keys, *map(str, arguments))
        if stem in SINGLE:
            return redis.eval(read_single(stem), len(keys), *keys, *map(str, arguments))
        step = [stem, len(arguments), *arguments]
        text = "local GRACE = 0\n" + read_each(stem)
        (answer,) = redis.eval(text, 1, keys[0], *map(str, step))
        return answer

    return run


@pytest.fixture
def job(ledger: Ledger) -> Job:
    """One that has been recorded."""
    return ledger.admissions.record(a_job()).job


@pytest.fixture
def queued(ledger: Ledger, job: Job) -> Job:
    return ledger.admissions.confirm(job)


@pytest.fixture
def running(ledger: Ledger, queued: Job) -> Job:
    return ledger.attempts.claim(queued, "short@here", HOLDER)


def keys_of(job: Job) -> list[str]:
    return [job_key(job.id)]


def test_prelude_has_pythons_state_table(redis: "Redis") -> None:
    """Of "prelude.lua", as Redis understands it."""
    body = "return cjson.encode({ STATUSES, FINISHED, PENDING, CONFIRMED, CLAIMABLE })"

    statuses, *sets = json.loads(redis.eval(read_shared() + body, 0))

    assert statuses == list(Status)
    assert [set(each) for each in sets] == [FINISHED, PENDING, CONFIRMED, SOURCES[Status.RUNNING]]


def test_each_keeps_what_steps_have_done_beside_one_that_fails(
    redis: "Redis", ledger: Ledger
) -> None:
    """Of "each.lua"."""
    jobs = [ledger.admissions.confirm(ledger.admissions.record(a_job()).job) for _ in range(3)]
    redis.delete(job_key(jobs[1].id))
    redis.set(job_key(jobs[1].id), "no hash")
    text = "local GRACE = 0\n" + read_each("reserve")
    steps = [("reserve", "4", job.id, job.kind, HOLDER, MINUTE) for job in jobs]

    first, second, third = redis.eval(
        text, 3, *(job_key(job.id) for job in jobs), *(word for step in steps for word in step)
    )
    redis.delete(job_key(jobs[1].id))  # no list can be read with it

    assert (first, third) == (["reserved"], ["reserved"])
    assert isinstance(second, ResponseError)


def test_record_is_written_once(run: Run) -> None:
    job = a_job()
    fields = [word for field in encode_job(job).items() for word in field]
    arguments = (job.id, 1, "", MINUTE, "", "", "0", "10", "60", *fields)

    word, version = run("record.lua", keys_of(job), *arguments)
    again, record = run("record.lua", keys_of(job), *arguments)

    assert (word, again) == ("recorded", "found")
    assert dict(zip(record[::2], record[1::2], strict=True))["version"] == version


def test_confirm_says_the_new_status(run: Run, job: Job) -> None:
    word, _, status = run("confirm.lua", keys_of(job), job.id, 1, MINUTE, "")

    assert (word, status) == ("confirmed", "queued")
    assert run("confirm.lua", keys_of(job), job.id, 1, MINUTE, "") == ["refused", "queued"]


def test_claim_says_that_the_attempt_has_begun(run: Run, queued: Job) -> None:
    arguments = (queued.id, queued.kind, "w", HOLDER, NOW, MINUTE, MINUTE, "", "", "5", "")
    other = (*arguments[:3], "there:2:2#1", *arguments[4:])

    word, version = run("claim.lua", keys_of(queued), *arguments)

    assert word == "begun"
    assert run("claim.lua", keys_of(queued), *arguments) == ["begun", version]
    assert run("claim.lua", keys_of(queued), *other) == ["leased", HOLDER, "held"]


def test_reservation_is_given_up_by_who_has_it(run: Run, queued: Job) -> None:
    keys = keys_of(queued)

    assert run("reserve.lua", keys, queued.id, queued.kind, HOLDER, MINUTE) == ["reserved"]
    assert run("reserve.lua", keys, queued.id, queued.kind, "other", MINUTE) == ["refused"]
    assert run("release.lua", keys, queued.id, "other") == ["refused"]
    assert run("release.lua", keys, queued.id, HOLDER) == ["released"]


def test_renewal_says_whether_the_attempt_goes_on(run: Run, ledger: Ledger, running: Job) -> None:
    assert run("renew.lua", keys_of(running), running.id, "1", MINUTE) == "held"
    assert run("renew.lua", keys_of(running), running.id, "2", MINUTE) == "lost"
    ledger.cancel(running.id)
    assert run("renew.lua", keys_of(running), running.id, "1", MINUTE) == "cancel"


def test_success_is_answered_twice_where_it_is_executed_twice(run: Run, running: Job) -> None:
    arguments = [running.id, result_key(running.id), "1", NOW, "7", DOCUMENT, "60", "", "w", NOW]

    first = run("succeed.lua", keys_of(running), *arguments)

    assert first[0] == "moved"
    assert run("succeed.lua", keys_of(running), *arguments) == first
    arguments[2] = "2"
    assert run("succeed.lua", keys_of(running), *arguments) == ["refused", "succeeded"]


def test_move_answers_the_record(run: Run, queued: Job) -> None:
    step = {"id": queued.id, "sources": {"queued": True}, "set": {"owner": "somebody"}}
    keys = [*keys_of(queued), result_key(queued.id)]

    word, record = run("move.lua", keys, json.dumps(step))

    assert word == "moved"
    assert dict(zip(record[::2], record[1::2], strict=True))["owner"] == "somebody"
    step["sources"] = {"running": True}
    assert run("move.lua", keys, json.dumps(step)) == ["refused", "queued"]


def test_job_waits_for_its_child_and_is_resumed_when_that_is_lost(
    run: Run, redis: "Redis", ledger: Ledger, running: Job
) -> None:
    child = ledger.admissions.record(a_job(parent_id=running.id)).job
    keys = keys_of(running)

    assert run("wait.lua", keys, running.id, "1", NOW, "all", "0", "", "", child.id) == ["waiting"]
    assert redis.smembers(needs_key(running.id)) == {child.id}
    assert run("recheck.lua", keys, running.id, NOW) == ["refused"]
    redis.delete(job_key(child.id))
    word, record = run("recheck.lua", keys, running.id, NOW)
    assert (word, record[record.index("status") + 1]) == ("resumed", "queued")
    redis.delete(children_key(running.id))


def test_lines_are_appended_once(run: Run, redis: "Redis", running: Job) -> None:
    keys = [*keys_of(running), log_key(running.id)]

    for _ in range(2):
        run("append.lua", keys, running.id, "10", "1-1", "a", "1-2", "b")

    assert [entry["line"] for _, entry in redis.xrange(keys[1])] == ["a", "b"]


def test_trim_counts_what_it_has_forgotten(
    run: Run, redis: "Redis", ledger: Ledger, running: Job
) -> None:
    ledger.attempts.stop(running)
    redis.zadd(EXPIRING, {running.id: 1})

    (count,) = run("trim.lua", [], "500", "60")

    assert count >= 1
    assert not redis.exists(job_key(running.id))


def test_schedule_is_put_where_nobody_has_changed_it(run: Run, redis: "Redis") -> None:
    """Of "put.lua"."""
    name = uuid4().hex
    keys = [f"test:{name}", f"tests:{name}"]
    soon = str(round(time.time() * 1000))

    version = run("put.lua", keys, name, "0", "{}", soon, "1")

    assert version > 0
    assert run("put.lua", keys, name, "0", "{}", soon, "1") == 0
    assert run("put.lua", keys, name, version, "{}", soon, "1") == version + 1
    assert run("put.lua", [f"{keys[0]}x", keys[1]], "other", "0", "{}", soon, "1") == -1
    redis.delete(*keys)
