"""Runs many jobs through one short worker of two processes, to see whether its memory grows.

    python -m bench.endurance [--jobs 1000000] [--output bench/results/endurance.md]

Starts its own stack, which forgets jobs after a minute, keeps the short queue filled, and samples
the memory of the worker, Redis and RabbitMQ on the way. A million jobs take ten minutes.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.accounting import find_descendants, pss_bytes
from bench.beside import FLAG, start_again_beside_stack
from bench.environments import ROOT
from bench.peers.jobs import JobsClient, connect
from bench.report.wording import table
from bench.stack import Stack
from bench.waiting import await_that
from project.config import Settings
from project.ledger.keys import EXPIRING, waiting_key

BATCH = 500
FILLED = 5_000
"""At most this many jobs wait in the queue."""
SAMPLES = 20
WARM_SHARE = 0.1
"""Growth counts from this share of the jobs: before it, code loads and pools fill."""
GROWTH_LIMIT = 0.05
"""A larger share counts as growth."""
IDLE_SECONDS = 120.0
MIB = 2**20
OWN = "Pss_Anon"


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory in MiB after `done` jobs, and the number of jobs that the ledger keeps."""

    done: int
    seconds: float
    main: float
    children: float
    redis: float
    rabbitmq: float
    kept: int

    @property
    def worker(self) -> float:
        """Memory of all the worker's processes."""
        return self.main + self.children


def main() -> int:
    """Run the jobs, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.endurance", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, default=ROOT / "bench/results/endurance.md")
    parser.add_argument(FLAG, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.beside_stack:
        return start_again_beside_stack("bench.endurance", {"JOBS_RETENTION_SECONDS": "60"})
    stack = Stack(Settings())
    samples = run(stack, connect(), options.jobs)
    text = report(samples, stack.settings.retention_seconds)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text)
    print(text)
    return 0 if find_growth(samples) <= GROWTH_LIMIT else 1


def run(stack: Stack, client: JobsClient, jobs: int) -> list[Sample]:
    """Keep the queue filled until all jobs are done; take a sample after each twentieth."""
    stack.stop("flower")
    began, submitted, samples = time.monotonic(), 0, list[Sample]()
    while submitted < jobs or _count_waiting(stack):
        if submitted < jobs and _count_waiting(stack) < FILLED:
            size = min(BATCH, jobs - submitted)
            client.submit_many(list(range(submitted, submitted + size)))
            submitted += size
        else:
            _await_progress(stack)
        done = submitted - _count_waiting(stack)
        if done >= (len(samples) + 1) * jobs / SAMPLES:
            samples.append(_look(stack, done, time.monotonic() - began))
            print(samples[-1], flush=True)
    return samples


def find_growth(samples: list[Sample]) -> float:
    """Return the share by which the worker's memory has grown since it was warm."""
    warm = next(sample for sample in samples if sample.done >= samples[-1].done * WARM_SHARE)
    return samples[-1].worker / warm.worker - 1


def report(samples: list[Sample], retention_seconds: int) -> str:
    """Return the report as Markdown."""
    last, growth = samples[-1], find_growth(samples)
    verdict = "no growth" if growth <= GROWTH_LIMIT else "**growth**"
    rows = [
        [
            f"{sample.done:,}",
            f"{sample.seconds:,.0f}",
            *(f"{value:.1f}" for value in (sample.main, sample.children)),
            f"{sample.rabbitmq:.0f}",
            f"{sample.redis:.0f}",
            f"{sample.kept:,}",
        ]
        for sample in samples
    ]
    heads = ["jobs", "s", "main, MiB", "processes, MiB", "RabbitMQ, MiB", "Redis, MiB", "jobs kept"]
    return "\n".join(
        [
            f"# {last.done:,} jobs through one worker",
            "",
            f"One short worker of two processes did {last.done / last.seconds:,.0f} jobs/s, with "
            "the client on the same machine. The worker's memory (its share of anonymous pages) "
            f"has changed by {growth:+.1%} since the first tenth of the jobs: {verdict} (the limit "
            f"is {GROWTH_LIMIT:.0%}).",
            "",
            f"The ledger forgets jobs {retention_seconds} s after they finish, so Redis keeps only "
            "the newest. The id of a forgotten job stays for five weeks.",
            "",
            *table(heads, rows),
        ]
    )


def _look(stack: Stack, done: int, seconds: float) -> Sample:
    worker = stack.pid("worker-short")
    return Sample(
        done=done,
        seconds=seconds,
        main=pss_bytes([worker], OWN) / MIB,
        children=pss_bytes(find_descendants([worker]), OWN) / MIB,
        redis=int(stack.redis.info("memory")["used_memory"]) / MIB,
        rabbitmq=pss_bytes(stack.server_pids()["RabbitMQ"], OWN) / MIB,
        kept=int(stack.redis.zcard(EXPIRING)),
    )


def _await_progress(stack: Stack) -> None:
    """Wait until some waiting jobs are done; SlowError if the worker has stopped."""
    before = _count_waiting(stack)
    await_that(lambda: _count_waiting(stack) < before or not before, "a job is done", IDLE_SECONDS)


def _count_waiting(stack: Stack) -> int:
    return int(stack.redis.zcard(waiting_key("short")))


if __name__ == "__main__":
    sys.exit(main())
