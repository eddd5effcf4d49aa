"""A third queue by a line of configuration: a job runs through it, and none is lost without it."""

from collections.abc import Iterator
from typing import Any

import pytest

from project.config import Settings
from project.ledger import Status
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.logbook import LogBook
from tests.waiting import wait_until

GPU = "short; gpu: concurrency=1, prefetch=1, soft_stop=no; long"
STATISTICS_SECONDS = 30
"""RabbitMQ's console counts every five seconds."""


@pytest.fixture(scope="module")
def system(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IsolatedSystem]:
    """A system of its own: its web server and its workers know the queue `gpu`."""
    system = IsolatedSystem(
        settings,
        tmp_path_factory.mktemp("gpu"),
        extra_kinds="tests.integration.isolated.gpu_kinds",
        queues=GPU,
    )
    system.start()
    try:
        system.start_web()
        yield system
    finally:
        system.stop()


@pytest.fixture
def browser(system: IsolatedSystem) -> Client:
    return system.open_page()


def test_job_runs_through_the_added_queue(system: IsolatedSystem, browser: Client) -> None:
    job_id = submit(browser, 1, 2)
    queue = find_queue(browser)
    assert (queue["depth"], queue["ready"], queue["consumers"]) == (1, 1, 0)

    system.start_worker("worker-gpu")
    job = browser.await_status(job_id, "succeeded")

    assert (job["queue"], job["result"]) == ("gpu", 3)
    assert job["worker"].startswith("gpu@")
    queue = find_queue(browser)
    assert (queue["depth"], queue["ready"], queue["consumers"]) == (0, 0, 1)
    log = LogBook(system.direct.log_dir, roles=("worker-gpu",))
    assert log.await_event("job_finished", job_id)["celery"]["queue"] == "gpu"


def test_console_shows_its_consumer(system: IsolatedSystem) -> None:
    system.start_worker("worker-gpu")

    def tags() -> list[str]:
        listed = system.administrator.call("GET", f"consumers/{system.name}")
        return [one["consumer_tag"] for one in listed if one["queue"]["name"] == "gpu"]

    (tag,) = wait_until(tags, STATISTICS_SECONDS, "the console to list the consumer") or []
    assert tag.partition(" ")[0] == "worker-gpu"


def test_queues_are_listed_in_the_order_of_the_setting(browser: Client) -> None:
    listed = browser.get("/api/v1/queues").json()["queues"]

    assert [queue["name"] for queue in listed] == ["short", "gpu", "long"]


def test_jobs_can_be_filtered_by_it(browser: Client) -> None:
    job_id = submit(browser, 4)

    found = browser.get("/api/v1/jobs?queue=gpu").json()["jobs"]
    wrong = browser.get("/api/v1/jobs?queue=tpu")

    assert job_id in {job["id"] for job in found}
    assert (wrong.status_code, wrong.json()["field"]) == (400, "queue.0")


def test_job_whose_queue_was_removed_waits_until_it_is_back(
    system: IsolatedSystem, browser: Client
) -> None:
    """Nothing is lost: the log says what waits, the message stays in RabbitMQ."""
    if "worker-gpu" in system.running:
        system.stop_process("worker-gpu")
    job_id = submit(browser, 5)
    # A worker that was stopped may have left a job of another test.
    waiting = dict(system.ledger.list_forgotten_queues({"short", "long"}))["gpu"]

    system.variables = {"JOBS_QUEUES": "short; long", "JOBS_EXTRA_KINDS": ""}
    system.start_scheduler()
    line = system.log.await_event("queue_not_configured", '"queue":"gpu"')

    assert line["celery"]["queue_waiting"] == waiting
    assert system.ledger.get(job_id).status is Status.QUEUED
    assert system.waiting("gpu") == waiting

    system.variables = {}
    system.start_worker("worker-gpu")
    assert browser.await_status(job_id, "succeeded")["result"] == 5


def submit(browser: Client, *numbers: int) -> str:
    return str(browser.submit("gpu.add", {"numbers": numbers})["id"])


def find_queue(browser: Client) -> dict[str, Any]:
    """What the API says of the queue."""
    listed = browser.get("/api/v1/queues").json()["queues"]
    (queue,) = [queue for queue in listed if queue["name"] == "gpu"]
    return dict(queue)
