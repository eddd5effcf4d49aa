"""The broker or Redis is away, cut off or silent: what a client is told is what happens."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from project.broker.message import make_message
from project.broker.publisher import Publisher
from project.worker.heartbeat import INTERVAL_SECONDS
from tests.builders import a_job, a_picture, a_trace
from tests.integration.client import Client
from tests.integration.isolated.proxy import Proxy
from tests.integration.isolated.system import IsolatedSystem
from tests.waiting import wait_until

# About two seconds are promised; a slow machine gets more, a hanging answer none.
ANSWER_SECONDS = 10
BACK_SECONDS = 30

Trouble = Callable[[Proxy], None]
EACH_TROUBLE = pytest.mark.parametrize(
    "trouble", [Proxy.refuse, Proxy.freeze], ids=["gone", "hung"]
)
EACH_PART = pytest.mark.parametrize(
    ("part", "name"), [("broker", "RabbitMQ"), ("redis_proxy", "Redis")]
)


@pytest.fixture
def system(isolated: IsolatedSystem) -> Iterator[IsolatedSystem]:
    isolated.start_web()
    isolated.start_worker("worker-short")
    yield isolated
    isolated.broker.mend()
    isolated.redis_proxy.mend()
    isolated.await_ready()


@pytest.fixture
def browser(system: IsolatedSystem) -> Client:
    """Its requests so far have left open connections to both servers."""
    browser = system.open_page()
    for _ in range(3):
        browser.start_task(0)
    return browser


def answer_in_time(ask: Callable[[], Any]) -> Any:
    """The answer, which must not take long."""
    asked_at = time.monotonic()
    answer = ask()
    assert time.monotonic() - asked_at < ANSWER_SECONDS
    return answer


@EACH_TROUBLE
@EACH_PART
def test_outage_is_a_503_in_time_and_the_job_never_runs(
    system: IsolatedSystem, browser: Client, part: str, name: str, trouble: Trouble
) -> None:
    before = system.job_ids()
    trouble(getattr(system, part))

    answers = [answer_in_time(lambda: browser.post("/tasks", json={"type": 0})) for _ in range(3)]

    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["detail"].startswith(name)
    getattr(system, part).mend()
    system.await_ready()
    last = browser.await_end(browser.start_task(0))
    assert last["status"] == "succeeded"
    jobs = [system.ledger.get(job_id) for job_id in system.job_ids() - before]
    assert {job.status.value for job in jobs if job.id != last["id"]} <= {"cancelled", "accepted"}
    assert all(job.attempt == 0 for job in jobs if job.id != last["id"])


@EACH_TROUBLE
@EACH_PART
def test_outage_shows_in_the_readiness_but_not_in_the_liveness(
    system: IsolatedSystem, browser: Client, part: str, name: str, trouble: Trouble
) -> None:
    trouble(getattr(system, part))

    ready = answer_in_time(lambda: browser.get("/readyz"))
    alive = answer_in_time(lambda: browser.get("/healthz"))

    assert ready.status_code == 503
    missing = [key for key, state in ready.json()["dependencies"].items() if state == "missing"]
    assert missing == [{"RabbitMQ": "broker", "Redis": "redis"}[name]]
    assert alive.status_code == 200


@EACH_TROUBLE
@EACH_PART
def test_signup_during_an_outage_leaves_nothing(
    system: IsolatedSystem, browser: Client, part: str, name: str, trouble: Trouble
) -> None:
    files = system.files()
    trouble(getattr(system, part))

    answer = answer_in_time(
        lambda: browser.post(
            "/api/v1/signups",
            data={"email": "ada@example.org"},
            files={"picture": ("me.png", a_picture(), "image/png")},
        )
    )

    assert answer.status_code == 503
    assert answer.json()["detail"].startswith(name)
    assert system.files() == files
    getattr(system, part).mend()
    system.await_ready()
    assert browser.get("/api/v1/signups").json() == {"signups": []}


def test_connections_that_the_broker_has_closed_are_not_noticed(
    system: IsolatedSystem, browser: Client
) -> None:
    """After a restart of the broker, the first submit on each old connection works at once."""
    system.broker.cut()

    for _ in range(5):
        browser.await_status(browser.start_task(0), "succeeded", seconds=BACK_SECONDS)


def test_connections_that_redis_has_closed_are_not_noticed(
    system: IsolatedSystem, browser: Client
) -> None:
    system.redis_proxy.cut()

    for _ in range(5):
        browser.await_status(browser.start_task(0), "succeeded", seconds=BACK_SECONDS)


def test_open_page_hears_of_what_changed_while_redis_was_cut_off(
    system: IsolatedSystem, browser: Client
) -> None:
    with browser.listen() as stream:
        events = iter(stream)
        known = {next(events)[1]["id"] for _ in range(3)}
        with system.paused("worker-short"):
            task_id = browser.start_task(0)
            system.redis_proxy.cut()

        for _, job in events:
            if job["id"] == task_id and job["status"] == "succeeded":
                break
    assert task_id not in known


def test_publisher_keeps_its_connection_however_many_descriptors_are_open(
    system: IsolatedSystem,
) -> None:
    """A web server with a thousand open event streams has sockets beyond number 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    taken = [os.dup(0) for _ in range(1100)]
    publisher = Publisher(system.settings.broker_url, "test")
    before = system.broker.accepted
    try:
        for _ in range(3):
            message = make_message(a_job(), a_trace())
            assert publisher.publish([message], timeout_seconds=5) == [None]
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert system.broker.accepted - before == 1


@EACH_PART
def test_outage_is_no_reason_to_start_a_worker_anew(
    system: IsolatedSystem, part: str, name: str
) -> None:
    """Its file goes on saying that it lives; and when the part is back it works again."""
    file, pid = Path(system.settings.heartbeat_file), system.main_pid("worker-short")
    getattr(system, part).refuse()
    before = file.stat().st_mtime

    wait_until(lambda: file.stat().st_mtime > before + INTERVAL_SECONDS, BACK_SECONDS, name)

    getattr(system, part).mend()
    system.await_ready()
    browser = system.open_page()
    browser.await_status(browser.start_task(0), "succeeded", seconds=2 * BACK_SECONDS)
    assert system.main_pid("worker-short") == pid
