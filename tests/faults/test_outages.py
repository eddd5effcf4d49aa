"""RabbitMQ, Redis or a worker really goes away: no client is lied to, and no job is lost.

The short form, which `make test` runs. The long one is `make soak`.
"""

from contextlib import ExitStack
from pathlib import Path
from random import Random, SystemRandom

import pytest

from tests.faults.bench import Bench, answer_in_time
from tests.faults.crowd import Crowd
from tests.faults.load import Mix, Traffic
from tests.faults.native import make_storm
from tests.faults.stack import Stack
from tests.faults.storm import render
from tests.faults.troubles import TROUBLES
from tests.faults.verdict import EXPECTED

BRIEF_TROUBLES = (
    "pool child killed",
    "short pool killed",
    "web worker killed",
    "broker connections cut",
    "broker killed",
    "Redis connections cut",
    "Redis killed",
    "Redis full",
    "logs full",
)
TROUBLE_SECONDS = 1.5
CALM_SECONDS = 1
END_SECONDS = 90


def test_storm_of_brief_troubles_breaks_no_promise(stack: Stack, tmp_path: Path) -> None:
    seed = SystemRandom().randrange(10**6)
    random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    traffic = Traffic(random, Mix(walk=20, family=20, walk_seconds=(1, 3)), rate=15)
    story: list[str] = [f"Seed {seed}."]
    storm = make_storm(stack, tmp_path, traffic, TROUBLES, story.append)
    order = random.sample(BRIEF_TROUBLES, len(BRIEF_TROUBLES))

    verdict = storm.run(
        [(name, TROUBLE_SECONDS) for name in order],
        calm_seconds=CALM_SECONDS,
        end_seconds=END_SECONDS,
    )

    assert verdict.is_kept, "\n".join([*story, render(verdict)])
    assert verdict.figures["jobs accepted"] > 100
    assert verdict.figures["runs begun again"] > 0
    assert verdict.figures["roles that wrote"] == 6
    assert verdict.figures["jobs of a schedule"] > 0
    assert verdict.figures["jobs with a parent"] > 0


@pytest.mark.parametrize(("program", "part"), [("rabbitmq", "RabbitMQ"), ("redis", "Redis")])
def test_frozen_server_is_a_503_and_the_job_does_not_run_later(
    bench: Bench, program: str, part: str
) -> None:
    """A frozen broker has the message in its socket: it gets through after all."""
    refused = []
    with bench.stack.frozen(program):
        for _ in range(2):
            token, answer = bench.post("step")
            refused.append(token)

            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.json()["detail"].startswith(part)
        ready = answer_in_time(lambda: bench.client.get("/readyz"))
        assert ready.status_code == 503

    bench.do_one()
    assert [bench.runs(token) for token in refused] == [[], []]


@pytest.mark.parametrize("program", ["rabbitmq", "redis"])
def test_server_that_is_killed_amid_many_submits_makes_no_answer_a_lie(
    bench: Bench, program: str
) -> None:
    """Batches are under way in each step: recorded, published, confirmed, noted."""
    with Crowd(bench) as crowd:
        crowd.await_accepted(100)
        pid = bench.stack.pid(program)
        bench.stack.kill(program)
        bench.stack.await_new(program, pid)
        crowd.await_accepted(100)

    bench.stack.await_whole()
    for job_id in crowd.accepted.values():
        bench.await_status(job_id, "succeeded")
    bench.do_one()
    assert set(crowd.refused.values()) <= {503}
    begun = {run.token for run in bench.journal.read()}
    assert begun >= crowd.accepted.keys()
    assert begun.isdisjoint(crowd.refused)


def test_job_that_kills_its_workers_ends_dead_while_others_flow(bench: Bench) -> None:
    poisoned, poison_id = bench.start("poison")
    others = [bench.start("step") for _ in range(5)]

    for _, job_id in others:
        bench.await_status(job_id, EXPECTED["faults.step"])
    bench.await_status(poison_id, EXPECTED["faults.poison"])
    assert 1 < len(bench.runs(poisoned)) <= 20
    bench.do_one()


def test_cancelled_jobs_stay_so_when_all_servers_and_workers_start_anew(bench: Bench) -> None:
    """One waits and one runs when they are cancelled; then nothing that remembers is left alone."""
    running, running_id = bench.start("walk", seconds=60)
    bench.await_status(running_id, "running")
    with ExitStack() as frozen:
        for pool in ("worker-short", "worker-long"):
            frozen.enter_context(bench.stack.pool_frozen(pool))
        waiting, waiting_id = bench.start("step")

        for job_id in (running_id, waiting_id):
            assert bench.client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 202
        with bench.stack.stopped("rabbitmq"), bench.stack.stopped("redis"):
            for pool in ("worker-short", "worker-long"):
                bench.stack.kill(pool)
    bench.stack.await_whole()

    bench.await_status(running_id, "cancelled")
    bench.await_status(waiting_id, "cancelled")
    bench.do_one()
    assert bench.runs(waiting) == []
    assert not any(run.is_done for run in bench.runs(running))
