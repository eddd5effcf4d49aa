"""One server at a time goes away, and each effect is looked at: part of `make soak`."""

import pytest

from tests.faults.bench import Bench, answer_in_time
from tests.faults.stack import Stack
from tests.waiting import wait_until

END_SECONDS = 90


@pytest.mark.parametrize(("program", "part"), [("rabbitmq", "RabbitMQ"), ("redis", "Redis")])
def test_stopped_server_is_a_503_and_the_job_does_not_run_later(
    bench: Bench, program: str, part: str
) -> None:
    refused = []
    with bench.stack.without(program):
        for _ in range(3):
            token, answer = bench.post("step")
            refused.append(token)

            assert answer.status_code == 503, answer.text
            assert answer.json()["detail"].startswith(part)
        ready = answer_in_time(lambda: bench.client.get("/readyz"))
        assert ready.status_code == 503

    bench.do_one()
    assert not any(bench.runs(token) for token in refused)


def test_waiting_jobs_survive_a_restart_of_the_broker(bench: Bench) -> None:
    with bench.stack.pool_frozen("worker-short"):
        jobs = [bench.start("step") for _ in range(5)]
        with bench.stack.without("rabbitmq"):
            pass

    for _, job_id in jobs:
        bench.await_status(job_id, "succeeded")


def test_running_job_survives_a_restart_of_redis(bench: Bench) -> None:
    token, job_id = bench.start("walk", seconds=10)
    bench.await_status(job_id, "running")

    with bench.stack.without("redis"):
        pass

    bench.await_status(job_id, "succeeded")
    assert len(bench.runs(token)) == 1


def test_running_job_survives_a_restart_of_the_broker(bench: Bench) -> None:
    token, job_id = bench.start("walk", seconds=10)
    bench.await_status(job_id, "running")

    with bench.stack.without("rabbitmq"):
        pass

    bench.await_status(job_id, "succeeded")
    assert not any(run.is_beside_another for run in bench.runs(token))


def test_job_of_a_killed_worker_is_rerun_and_succeeds(bench: Bench) -> None:
    token, job_id = bench.start("step", seconds=10)
    bench.await_status(job_id, "running")

    bench.stack.kill("worker-short")

    bench.await_status(job_id, "succeeded")
    died, done = bench.runs(token)
    assert died.ended_ns is None
    assert done.is_done


def test_full_redis_is_a_503_and_loses_no_waiting_job(stack: Stack, bench: Bench) -> None:
    with stack.pool_frozen("worker-short"):
        jobs = [bench.start("step") for _ in range(5)]
        stack.redis.config_set("maxmemory", "1")
    try:
        # The workers have asked for the jobs, and were refused.
        refused = _refusals(stack)
        wait_until(lambda: _refusals(stack) > refused + 10, END_SECONDS, "claims to be refused")
        token, answer = bench.post("step")
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("Redis")
    finally:
        stack.redis.config_set("maxmemory", "0")

    for _, job_id in jobs:
        bench.await_status(job_id, "succeeded")
    bench.do_one()
    assert bench.runs(token) == []


def _refusals(stack: Stack) -> int:
    """How often Redis has refused a command because its memory is full."""
    statistics = stack.redis.info("errorstats")
    return int(statistics.get("errorstat_OOM", {"count": 0})["count"])
