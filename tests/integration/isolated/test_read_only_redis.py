"""Redis is there and takes no writes: a replica, without replicas of its own, or full."""

import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
from redis import Redis, RedisError

from tests.builders import a_picture, an_unused_port
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.waiting import wait_until

SECONDS = 30
TAKES_NONE = "Redis takes no writes, so nothing was accepted."

Trouble = Callable[["Redis"], None]


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Redis"]:
    """A Redis that no other test uses."""
    program, port = shutil.which("redis-server"), an_unused_port()
    assert program, "redis-server is not installed: run deploy/native/install"
    process = subprocess.Popen(
        [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"],
        cwd=tmp_path_factory.mktemp("redis"),
        stdout=subprocess.DEVNULL,
    )
    try:
        with Redis(port=port, decode_responses=True) as redis:
            wait_until(lambda: is_up(redis), SECONDS, "the Redis of this test to answer")
            yield redis
    finally:
        process.terminate()
        process.wait(SECONDS)


def is_up(redis: "Redis") -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


@pytest.fixture(scope="module")
def web(isolated: IsolatedSystem, own_redis: "Redis") -> Iterator[IsolatedSystem]:
    """A web server that works with it."""
    port = own_redis.connection_pool.connection_kwargs["port"]
    if "web" in isolated.running:
        isolated.stop_process("web")
    isolated.variables = {"JOBS_REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    isolated.start_web()
    yield isolated
    isolated.stop_process("web")
    isolated.variables = {}


def follow_nobody(redis: "Redis") -> None:
    redis.replicaof("127.0.0.1", an_unused_port())


def fill_up(redis: "Redis") -> None:
    redis.config_set("maxmemory", "1")


def miss_replicas(redis: "Redis") -> None:
    redis.config_set("min-replicas-to-write", "1")


TROUBLES = pytest.mark.parametrize("trouble", [follow_nobody, fill_up, miss_replicas])


@pytest.fixture
def mended(web: IsolatedSystem, own_redis: "Redis") -> Iterator[None]:
    """Redis takes writes again when the test is over, and the web server is ready."""
    yield
    own_redis.replicaof("NO", "ONE")
    own_redis.config_set("maxmemory", "0")
    own_redis.config_set("min-replicas-to-write", "0")
    web.await_ready()


@pytest.mark.usefixtures("mended")
@TROUBLES
def test_web_is_not_ready_while_redis_takes_no_writes(
    web: IsolatedSystem, own_redis: "Redis", trouble: Trouble
) -> None:
    browser = Client(f"http://127.0.0.1:{web.web_port}")

    trouble(own_redis)

    ready = browser.get("/readyz")
    assert ready.status_code == 503
    assert ready.json() == {
        "status": "not ready",
        "dependencies": {"redis": "read-only", "broker": "ok"},
    }
    answer = browser.post("/tasks", json={"type": 0})
    assert answer.status_code == 503
    assert answer.json()["detail"] == TAKES_NONE
    answer = browser.post(
        "/api/v1/signups",
        data={"email": "ada@example.org"},
        files={"picture": ("me.png", a_picture(), "image/png")},
    )
    assert (answer.status_code, answer.json()["detail"]) == (503, TAKES_NONE)


@pytest.mark.usefixtures("mended")
@TROUBLES
@pytest.mark.parametrize("path", ["jobs", "queues", "dead-letters", "schedules", "signups"])
def test_what_redis_holds_is_shown_while_it_takes_no_writes(
    web: IsolatedSystem, own_redis: "Redis", trouble: Trouble, path: str
) -> None:
    trouble(own_redis)

    answer = Client(f"http://127.0.0.1:{web.web_port}").get(f"/api/v1/{path}")

    assert answer.status_code == 200
