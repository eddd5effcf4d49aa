"""How long kinds take is measured from their jobs, and who blocks a queue is told."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from redis import Redis

from project.ledger.keys import PARTITIONS, RUN_TIMES, partition_key
from project.ledger.run_times import RunTimes, find_quantile
from project.queues import parse_queues
from tests.builders import NOON, a_job
from tests.integration.client import Client

Leave = Callable[[str, list[float]], None]
"""Leaves jobs of the test's kind that ran so long, in that queue."""


@pytest.fixture
def kind() -> str:
    """A kind that no other test uses."""
    return f"test.{uuid4().hex}"


def leave_runs(redis: "Redis", kind: str, queue: str, seconds: list[float]) -> None:
    """Jobs of that kind that ran so long."""
    redis.sadd(PARTITIONS, f"{queue}:{kind}")
    for number, elapsed in enumerate(seconds):
        job = a_job(kind=kind, queue=queue)
        redis.hset(
            f"job:{job.id}",
            mapping={
                "started_at": NOON.isoformat(),
                "finished_at": (NOON + timedelta(seconds=elapsed)).isoformat(),
            },
        )
        redis.zadd(partition_key(queue, kind, "succeeded"), {job.id: number})


@pytest.fixture
def leave(redis: "Redis", kind: str) -> Iterator[Leave]:
    yield lambda queue, seconds: leave_runs(redis, kind, queue, seconds)
    for queue in ("short", "long"):
        redis.srem(PARTITIONS, f"{queue}:{kind}")
        redis.delete(partition_key(queue, kind, "succeeded"))
        redis.hdel(RUN_TIMES, f"{queue}:{kind}")


def measured(redis: "Redis", kind: str) -> list[tuple[str, int, float, bool]]:
    return [
        (one.queue, one.runs, one.p95_seconds, one.blocks_queue)
        for one in RunTimes(redis, parse_queues("")).measure()
        if one.kind == kind
    ]


def test_kind_that_runs_longer_than_its_queue_promises_blocks_it(
    redis: "Redis", kind: str, leave: Leave
) -> None:
    leave("short", [1.0] * 18 + [40.0, 50.0])

    assert measured(redis, kind) == [("short", 20, 40.0, True)]


def test_one_long_run_in_many_blocks_nothing(redis: "Redis", kind: str, leave: Leave) -> None:
    leave("short", [1.0] * 99 + [500.0])

    assert measured(redis, kind) == [("short", 100, 1.0, False)]


def test_long_queue_promises_nothing(redis: "Redis", kind: str, leave: Leave) -> None:
    leave("long", [5000.0] * 10)

    assert measured(redis, kind) == [("long", 10, 5000.0, False)]


def test_promise_of_an_added_queue_is_kept_or_broken(
    redis: "Redis", kind: str, leave: Leave
) -> None:
    leave("long", [5.0] * 10)
    run_times = RunTimes(redis, parse_queues("long: promise_seconds=4"))

    run_times.measure()

    (told,) = [one for one in run_times.read() if one.kind == kind]
    assert (told.promise_seconds, told.blocks_queue) == (4, True)
    others = RunTimes(redis, parse_queues("short")).read()
    assert kind not in {one.kind for one in others}, "the queue was removed"


def test_of_a_few_runs_nothing_is_said(redis: "Redis", kind: str, leave: Leave) -> None:
    leave("short", [100.0] * 4)

    assert measured(redis, kind) == []


def test_api_tells_what_was_measured(redis: "Redis", browser: Client) -> None:
    for task in [browser.start_task(0) for _ in range(5)]:
        browser.await_status(task, "succeeded")

    RunTimes(redis, parse_queues("")).measure()
    kinds = {kind["name"]: kind for kind in browser.get("/api/v1/kinds").json()["kinds"]}

    (short,) = [one for one in kinds["create_task"]["run_times"] if one["queue"] == "short"]
    assert short["runs"] >= 5
    assert short["blocks_queue"] is False


def test_quantile_is_the_least_value_that_is_enough() -> None:
    assert find_quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert find_quantile([1.0], 0.95) == 1.0
