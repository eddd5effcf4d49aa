"""Whatever stands in a message: it ends as one outcome or one dead letter, and holds up no other.

`make fuzz-messages` sends 10,000 of them; here it is a hundred, nearly always the same.
"""

import bz2
import json
import os
import zlib
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import uuid4

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from project.broker.message_reader import LONGEST_BODY
from project.ledger import Status
from project.ledger.dead_letters import DeadLetter, DeadLetterFilter, DeadLetters, DeathReason
from project.scheduler.reconciler.dead_letter_policy import MOST_REQUEUES
from tests.builders import a_job
from tests.integration.client import Client
from tests.integration.isolated.strange_messages import (
    Strange,
    messages,
    properties_of,
    publish_all,
    text,
)
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.logbook import action_of
from tests.waiting import wait_until

FEW = 150
MESSAGES = int(os.environ.get("FUZZ_MESSAGES", FEW))
BATCH = 150
SECONDS = 90
WORKERS = ("worker-short", "worker-long")

Letters = dict[str, DeadLetter]


@pytest.fixture(scope="module")
def earlier(isolated: IsolatedSystem) -> set[str]:
    """The lines of other modules."""
    return {line["event"]["id"] for line in isolated.log.lines()}


@pytest.fixture(scope="module")
def system(isolated: IsolatedSystem, earlier: set[str]) -> IsolatedSystem:
    isolated.start_web()
    for role in WORKERS:
        isolated.start_worker(role)
    isolated.start_scheduler()
    return isolated


@pytest.fixture(scope="module")
def browser(system: IsolatedSystem) -> Client:
    return system.open_page()


@pytest.mark.timeout(3600)
def test_message_ends_as_one_outcome_or_one_dead_letter(
    system: IsolatedSystem, browser: Client
) -> None:
    """Beside good jobs, and one whose message was purged."""
    made_up = make_up(MESSAGES)
    for start in range(0, MESSAGES, BATCH):
        send_and_check(system, browser, made_up[start : start + BATCH])


def make_up(count: int) -> list[Strange]:
    """So many messages; few of them are the same in each run."""
    found: list[Strange] = []

    @settings(
        max_examples=count,
        derandomize=count <= FEW,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        database=None,
    )
    @given(message=messages())
    def collect(message: Strange) -> None:
        found.append(message)

    collect()
    return found[:count]


def send_and_check(system: IsolatedSystem, browser: Client, batch: list[Strange]) -> None:
    lost = confirmed_long_ago(system)
    good = [browser.start_task(0) for _ in range(5)]

    sent = publish_all(system.direct, batch)

    assert len(sent) > len(batch) / 2
    with suppress(AssertionError):  # the next line says more
        wait_until(lambda: not find_open(system, sent), SECONDS)
    still_open = find_open(system, sent)
    assert not still_open, "\n".join(map(repr, still_open))
    letters = read_letters(system)
    for message in sent:
        assert_one_end(system, message, letters)
    for job_id in good:
        browser.await_status(job_id, "succeeded", seconds=SECONDS)
    wait_until(
        lambda: system.ledger.get(lost).status is Status.SUCCEEDED, SECONDS, "the lost job's repair"
    )
    again = [use_letter(browser, letter_id) for letter_id in own_letters(sent, letters)]
    for job_id in filter(None, again):
        browser.await_status(job_id, "succeeded", "failed", seconds=SECONDS)


def test_compressed_message_is_unpacked_as_far_as_one_may_be_long(system: IsolatedSystem) -> None:
    """A few kilobytes can hold gigabytes, and would be unpacked by the worker's first process."""
    body, bomb = b"[[0], {}, {}]", bytes(LONGEST_BODY + 1)
    packed, packed_bomb, too_long = (
        a_strange(zlib.compress(body), "application/x-gzip"),
        a_strange(bz2.compress(bomb), "application/x-bz2"),
        a_strange(bomb),
    )

    assert publish_all(system.direct, [packed, packed_bomb, too_long]) == [packed, packed_bomb]

    assert await_end(system, packed) is Status.SUCCEEDED
    assert await_end(system, packed_bomb) is Status.DEAD
    letter = read_letters(system)[packed_bomb.job_id]
    assert (letter.reason, letter.body) == (DeathReason.UNDECODABLE, packed_bomb.body)


def await_end(system: IsolatedSystem, message: Strange) -> Status:
    def look() -> Status | None:
        job = system.ledger.find(message.job_id)
        return job.status if job is not None and job.status.is_finished else None

    status = wait_until(look, SECONDS, f"job {message.job_id} to end")
    assert status is not None
    return status


def a_strange(body: bytes, compression: str = "") -> Strange:
    job_id = str(uuid4())
    headers = {"id": job_id, "task": "create_task", "compression": compression}
    fields = [(name.encode(), text(value)) for name, value in headers.items() if value]
    properties = properties_of(fields, b"application/json", b"utf-8", {})
    return Strange("", job_id, "jobs", "short", properties, body)


def test_nothing_comes_back_without_end_and_nobody_has_ended(
    system: IsolatedSystem, earlier: set[str]
) -> None:
    """`stop_process` waits for processes that have been running all the time."""
    for role in (*WORKERS, "scheduler"):
        assert is_running(system, role), role
        system.stop_process(role)

    assert {name: system.waiting(name) for name in ("short", "long", "dead")} == {
        "short": 0,
        "long": 0,
        "dead": 0,
    }
    lines = [line for line in system.log.lines() if line["event"]["id"] not in earlier]
    returned = Counter(
        line["celery"]["task"]["id"] for line in lines if action_of(line) == "message_requeued"
    )
    assert max(returned.values(), default=0) <= MOST_REQUEUES
    faults = {
        "dead_letter_unusual",
        "reconciler_failed",
        "job_not_republished",
        "job_callback_failed",
    }
    assert [line for line in lines if action_of(line) in faults] == []


def own_letters(sent: list[Strange], letters: Letters) -> list[str]:
    """Those that these messages have become; other modules leave theirs here, too."""
    tokens = [message.token.encode() for message in sent]
    return [
        letter_id
        for letter_id, letter in letters.items()
        if any(token in letter.body for token in tokens)
    ]


def confirmed_long_ago(system: IsolatedSystem) -> str:
    """A job that waits since two hours, and whose message nobody has."""
    run_at = datetime.now(UTC) - timedelta(hours=2)
    job = system.ledger.admissions.record(
        a_job(id=str(uuid4()), submitted_at=run_at, run_at=run_at)
    ).job
    return system.ledger.admissions.confirm(job).id


def find_open(system: IsolatedSystem, sent: list[Strange]) -> list[Strange]:
    """The messages of which nothing has become yet."""
    letters = read_letters(system)
    return [message for message in sent if not list_ends(system, message, letters)]


def list_ends(system: IsolatedSystem, message: Strange, letters: Letters) -> list[str]:
    """What has become of it: its job's end, Celery's result of a task that is no kind, a letter."""
    ends = [
        f"letter {one.reason}" for one in letters.values() if message.token.encode() in one.body
    ]
    job = system.ledger.find(message.job_id) if message.job_id else None
    if job is not None and job.status.is_finished and job.status is not Status.DEAD:
        ends.append(job.status.value)
    elif job is None and message.job_id:
        ends += read_result(system, message.job_id)
    return ends


def read_result(system: IsolatedSystem, job_id: str) -> list[str]:
    """How Celery says that a task has ended; that it is unknown is not all: it becomes a letter."""
    text = system.redis.get(f"celery-task-meta-{job_id}")
    if not text or "NotRegistered" in str(text):
        return []
    return [json.loads(str(text))["status"]]


def assert_one_end(system: IsolatedSystem, message: Strange, letters: Letters) -> None:
    ends = list_ends(system, message, letters)

    assert len(ends) == 1, (message, ends)
    assert ends[0].startswith("letter") or ends[0].lower() in {
        *("succeeded", "failed", "cancelled", "success", "failure", "revoked"),
    }


def read_letters(system: IsolatedSystem) -> Letters:
    """All dead letters, by id."""
    found, _ = DeadLetters(system.redis).list_letters(DeadLetterFilter(), limit=100_000)
    return {letter.id: letter for letter in found}


def use_letter(browser: Client, letter_id: str) -> str:
    """It can be read, run again (or it says why not) and discarded; the new job's id, if any."""
    path = f"/api/v1/dead-letters/{quote(letter_id, safe='')}"
    letter = browser.get(path)
    assert letter.status_code == 200, letter.text
    assert letter.json()["detail"]

    again = browser.post(f"{path}/rerun", json={"parameters": {"type": 0}})

    if letter.json()["kind"] == "create_task":
        assert again.status_code == 202, again.text
        assert browser.session.delete(browser.url + path).status_code == 404
    else:
        assert again.status_code in {202, 400, 404}, again.text
        assert browser.session.delete(browser.url + path).status_code in {204, 404}
    return str(again.json()["id"]) if again.status_code == 202 else ""


def is_running(system: IsolatedSystem, role: str) -> bool:
    return bool(psutil.Process(system.main_pid(role)).status() != psutil.STATUS_ZOMBIE)
