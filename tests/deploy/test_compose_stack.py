"""`docker compose up` as a user and an operator meet it. In the order of the file, on one stack."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from project.broker.topology import DEAD_EXCHANGE, DEAD_QUEUE
from project.config import Settings
from tests.deploy.photograph import is_upright
from tests.deploy.signup import (
    REQUEST_SECONDS,
    SignUp,
    confirmation_link,
    get_json,
    succeeded_job,
    thumbnail,
)
from tests.deploy.stack import LOGS, OUR_SERVICES, SERVICES, Stack, service_of
from tests.log_lines import find_problems
from tests.waiting import wait_until

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]

ADMIN = ("admin", "development-admin")
MONITOR = ("monitor", "development-monitor")
FLOWER = ("flower", "development-flower")
RABBITMQ_COUNTS_SECONDS = 30
"""The management API's numbers lag by its collection interval."""


def test_configuration_is_read_without_a_warning(stack: Stack) -> None:
    read = stack.attempt("config", "--quiet")

    assert (read.returncode, read.stdout, read.stderr) == (0, "", "")


def test_every_service_is_healthy(stack: Stack) -> None:
    states = {service_of(each): each["State"] for each in stack.containers()}

    assert states.keys() == SERVICES
    assert {state["Status"] for state in states.values()} == {"running"}
    assert {name: state["Health"]["Status"] for name, state in states.items()} == dict.fromkeys(
        SERVICES, "healthy"
    )


def test_our_containers_are_unprivileged(stack: Stack) -> None:
    for container in stack.containers():
        name, host = service_of(container), container["HostConfig"]
        assert container["Config"]["User"] not in {"", "0", "root", "0:0"}, name
        assert host["CapDrop"] == ["ALL"], name
        assert host["CapAdd"] is None, name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["ReadonlyRootfs"] or name == "rabbitmq", name


def test_only_this_machine_reaches_the_published_ports(stack: Stack) -> None:
    published = {
        (binding["HostIp"], int(binding["HostPort"]))
        for container in stack.containers()
        for bindings in container["HostConfig"]["PortBindings"].values()
        for binding in bindings
    }

    assert published == {("127.0.0.1", port) for port in stack.ports.values()}


def test_thumbnail_of_a_turned_photograph_is_upright(stack: Stack, signed_up: SignUp) -> None:
    assert is_upright(thumbnail(stack, signed_up))


def test_link_in_the_caught_mail_confirms(stack: Stack, signed_up: SignUp) -> None:
    page = requests.post(confirmation_link(stack, signed_up.email), timeout=REQUEST_SECONDS)

    assert page.status_code == 200, page.text
    assert get_json(stack, f"/api/v1/signups/{signed_up.id}")["confirmed_at"] is not None


def test_web_and_worker_lines_on_the_host_share_one_trace(stack: Stack, signed_up: SignUp) -> None:
    job = signed_up.picture_job

    def events(service: str) -> list[str]:
        """What the service logged about the job under the trace of the sign-up's request."""
        return [
            line["event"]["action"]
            for line in lines_of(stack, service)
            if line.get("trace") == {"id": job["trace_id"]}
            and line.get("celery", {}).get("task", {}).get("id") == job["id"]
        ]

    assert events("web") == ["job_submitted"]
    started, *logged_by_the_job, finished = events("worker-short")
    assert (started, finished) == ("job_started", "job_finished")
    assert logged_by_the_job


def test_every_service_of_ours_logs_as_it_should_and_no_error(
    stack: Stack, signed_up: SignUp
) -> None:
    for service in OUR_SERVICES:
        lines = lines_of(stack, service)
        assert lines, service
        assert {problem for line in lines for problem in find_problems(line)} == set()
        assert [line for line in lines if line["log.level"] in {"error", "critical"}] == []


def test_rabbitmq_logs_beside_them(stack: Stack, signed_up: SignUp) -> None:
    lines = lines_of(stack, "rabbitmq")

    assert lines
    assert all(line.keys() >= {"time", "level", "msg", "pid"} for line in lines)


def test_flower_answers_only_to_its_login(stack: Stack) -> None:
    url = stack.url("/api/workers", "JOBS_FLOWER_PORT")

    assert requests.get(url, timeout=REQUEST_SECONDS).status_code == 401
    assert requests.get(url, auth=("flower", "wrong"), timeout=REQUEST_SECONDS).status_code == 401
    assert requests.get(url, auth=FLOWER, timeout=REQUEST_SECONDS).status_code == 200


def test_console_answers_only_to_its_users(stack: Stack) -> None:
    def status(path: str, auth: tuple[str, str] | None) -> int:
        return console_answer(stack, path, auth).status_code

    assert status("/api/whoami", None) == 401
    assert status("/api/whoami", ("guest", "guest")) == 401
    assert status("/api/whoami", ("jobs", "development-jobs")) == 401
    assert status("/api/overview", MONITOR) == 200
    assert status("/api/users", MONITOR) == 401
    assert status("/api/users", ADMIN) == 200


def test_queues_are_quorum_queues_that_dead_letter(stack: Stack) -> None:
    for name in Settings().job_queues:
        queue = console(stack, f"/api/queues/jobs/{name}")
        assert queue["type"] == "quorum"
        assert queue["arguments"]["x-dead-letter-exchange"] == DEAD_EXCHANGE.name
        assert queue["arguments"]["x-dead-letter-strategy"] == "at-least-once"
    bound = console(stack, f"/api/exchanges/jobs/{DEAD_EXCHANGE.name}/bindings/source")
    assert [binding["destination"] for binding in bound] == [DEAD_QUEUE.name]


def test_each_queue_is_consumed_by_its_own_pool_alone(stack: Stack) -> None:
    for queue in Settings().job_queues:
        pool = addresses(stack, f"worker-{queue}")
        wait_until(
            lambda queue=queue, pool=pool: consumers(stack, queue) == pool,  # type: ignore[misc]
            RABBITMQ_COUNTS_SECONDS,
            f"queue {queue} to be consumed by {pool}",
        )


@pytest.fixture
def scaled(stack: Stack) -> Iterator[None]:
    stack.up("--scale", "worker-short=3")
    yield
    stack.up()


@pytest.mark.usefixtures("scaled")
def test_scaled_pool_consumes_its_queue_three_times(stack: Stack) -> None:
    pool = addresses(stack, "worker-short")

    assert len(pool) == 3
    wait_until(
        lambda: consumers(stack, "short") == pool,
        RABBITMQ_COUNTS_SECONDS,
        "three consumers of queue short",
    )


def test_production_refuses_development_defaults(stack: Stack) -> None:
    refused = stack.attempt("run", "--rm", "--no-deps", "configure", JOBS_ENVIRONMENT="production")

    assert refused.returncode != 0
    for name in ("SECRET_KEY", "BROKER_URL", "REDIS_URL", "MANAGEMENT_URL", "ADMIN_PASSWORD"):
        assert f"JOBS_{name}" in refused.stderr


def test_down_and_up_again_loses_nothing(stack: Stack, signed_up: SignUp) -> None:
    before = get_json(stack, f"/api/v1/jobs/{signed_up.picture_job['id']}")
    picture = thumbnail(stack, signed_up)
    unfinished = start_tutorial_job(stack)

    stack.down()
    stack.up()

    assert get_json(stack, f"/api/v1/jobs/{signed_up.picture_job['id']}") == before
    assert thumbnail(stack, signed_up) == picture
    assert get_json(stack, f"/api/v1/signups/{signed_up.id}")["confirmed_at"] is not None
    assert confirmation_link(stack, signed_up.email)
    assert succeeded_job(stack, unfinished, seconds=60)


def start_tutorial_job(stack: Stack) -> str:
    """The id of a job of ten seconds that is running now."""
    answer = requests.post(stack.url("/tasks"), json={"type": 1}, timeout=REQUEST_SECONDS)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["task_id"]
    wait_until(
        lambda: get_json(stack, f"/api/v1/jobs/{job_id}")["status"] == "running", 30, "it to run"
    )
    return job_id


def lines_of(stack: Stack, service: str) -> list[dict[str, Any]]:
    """The lines that the service's containers have written to ./logs on the host."""
    files = [
        LOGS / f"{service}.{container['Config']['Hostname']}.jsonl"
        for container in stack.containers(service)
    ]
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def addresses(stack: Stack, service: str) -> set[str]:
    """The addresses of the service's containers."""
    return {
        network["IPAddress"]
        for container in stack.containers(service)
        for network in container["NetworkSettings"]["Networks"].values()
    }


def consumers(stack: Stack, queue: str) -> set[str]:
    """The addresses that consume the queue."""
    details = console(stack, f"/api/queues/jobs/{queue}")["consumer_details"]
    return {consumer["channel_details"]["peer_host"] for consumer in details}


def console(stack: Stack, path: str) -> Any:
    answer = console_answer(stack, path, MONITOR)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


def console_answer(stack: Stack, path: str, auth: tuple[str, str] | None) -> requests.Response:
    url = stack.url(path, "JOBS_CONSOLE_PORT")
    return requests.get(url, auth=auth, timeout=REQUEST_SECONDS)
