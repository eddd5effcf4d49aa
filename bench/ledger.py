"""Measures the ledger with many jobs: a list page, a step, a record and its removal.

    python -m bench.ledger [--jobs 1000000] [--output bench/results/ledger.md]

Starts its own Redis server with deploy/redis/redis.conf on a free port and in a temporary folder,
and takes jobs through the ledger's own steps. Costs must not grow with the number of jobs, so each
is measured at a thousand jobs, at ten times as many, and so on. `make bench` measures the same up
to a hundred thousand.
"""

import argparse
import multiprocessing
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from redis import Redis, RedisError

from project.ledger import Job, Ledger, Status
from project.ledger.admissions import Admission, Recorded
from project.ledger.keys import EXPIRING
from project.ledger.listing import JobFilter
from project.ledger.startup_grace import GRACE_SECONDS

ROOT = Path(__file__).parent.parent
KINDS = ("image.thumbnail", "email.send", "create_task", "report.build", "web.crawl")
RETENTION_SECONDS = 7 * 24 * 3600
BATCH = 500
PAGE = 50
RUNS = 50
SMALLEST = 1000
TITLES = {
    "first_page": "first page of 50, all jobs",
    "deep_page": "page of 50 in the middle of all jobs",
    "filtered_page": "first page of 50, one kind and status",
    "step": "one step of a job",
}

Figures = dict[str, Any]
"""The measured figures, as plain values."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Medians in milliseconds."""

    first_page: float
    deep_page: float
    filtered_page: float
    step: float


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "results" / "ledger.md")
    options = parser.parse_args()
    with own_redis() as port:
        text = report(measure(port, options.jobs))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text)
    print(text)


@contextmanager
def own_redis() -> Iterator[int]:
    """Run a Redis server while the block lasts; yield its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", str(ROOT / "deploy/redis/redis.conf"), "--port", str(port)]
        places = ["--dir", folder, "--bind", "127.0.0.1", "--daemonize", "no"]
        log = (Path(folder) / "log").open("wb")
        server = subprocess.Popen([*command, *places], stdout=log, stderr=log)
        try:
            _await_redis(port)
            yield port
        finally:
            server.terminate()
            server.wait(60)
            log.close()


def _await_redis(port: int) -> None:
    """Wait until Redis answers and the ledger lets jobs begin."""
    deadline = time.monotonic() + 10 + GRACE_SECONDS
    uptime_seconds = -1
    while uptime_seconds < GRACE_SECONDS:
        if time.monotonic() > deadline:
            raise TimeoutError("Redis did not start.")
        time.sleep(0.1)
        with suppress(RedisError):
            uptime_seconds = Redis(port=port).info("server")["uptime_in_seconds"]


def measure(port: int, jobs: int) -> Figures:
    """Measure costs at growing sizes up to `jobs`, then the time to forget all jobs."""
    redis = Redis(port=port, decode_responses=True, socket_timeout=None)
    ledger = Ledger(redis, RETENTION_SECONDS)
    empty_bytes, there, fill_seconds = _used_bytes(redis), 0, 0.0
    costs: dict[str, dict[str, float]] = {}
    for size in sizes_up_to(jobs):
        began = time.monotonic()
        fill(port, size - there)
        fill_seconds += time.monotonic() - began
        there = size
        costs[str(size)] = asdict(_measure_costs(ledger))
    bytes_a_job = (_used_bytes(redis) - empty_bytes) / there
    began = time.monotonic()
    forget_all(redis)
    trim_seconds = time.monotonic() - began
    return {
        "costs": costs,
        "bytes_a_job": bytes_a_job,
        "trim_seconds": trim_seconds,
        "left_bytes_a_job": (_used_bytes(redis) - empty_bytes) / there,
        "fill_seconds": fill_seconds,
        "redis": redis.info("server")["redis_version"],
    }


def sizes_up_to(jobs: int) -> list[int]:
    """Return a thousand, ten times as many each time, and `jobs`."""
    sizes = [SMALLEST]
    while sizes[-1] * 10 < jobs:
        sizes.append(sizes[-1] * 10)
    return [*sizes, jobs] if jobs > SMALLEST else sizes


def report(figures: Figures) -> str:
    """Markdown."""
    sizes = list(figures["costs"])
    jobs = int(sizes[-1])
    trim = figures["trim_seconds"]
    return "\n".join(
        [
            f"# The ledger with {jobs:,} jobs",
            "",
            f"Redis {figures['redis']} on {os.cpu_count()} cores; medians of {RUNS} runs, "
            "including the client's time.",
            "",
            *costs_table(figures["costs"]),
            "",
            f"- Memory: {figures['bytes_a_job']:,.0f} bytes a job, with index and Celery's result.",
            f"- Time to forget all jobs: {trim:.1f} s, {trim / jobs * 1e6:.0f} µs a job.",
            f"  {figures['left_bytes_a_job']:.0f} bytes a job stay for five weeks, "
            "to show that the job existed.",
            f"- Time to make them, four steps a job from {os.cpu_count()} processes: "
            f"{figures['fill_seconds']:.0f} s.",
            "",
        ]
    )


def costs_table(costs: dict[str, dict[str, float]]) -> list[str]:
    """Return a row for each cost, a column for each size, and the ratio of last to first."""
    sizes = list(costs)
    lines = [
        "| | " + " | ".join(f"{int(size):,} jobs, ms" for size in sizes) + " | last / first |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for name, title in TITLES.items():
        values = [costs[size][name] for size in sizes]
        shown = " | ".join(f"{value:.2f}" for value in values)
        lines.append(f"| {title} | {shown} | {values[-1] / values[0]:.2f} |")
    return lines


def fill(port: int, jobs: int) -> None:
    """Take that many jobs through the ledger, in as many processes as there are cores."""
    parts = os.cpu_count() or 1
    shares = [jobs // parts + (1 if number < jobs % parts else 0) for number in range(parts)]
    with multiprocessing.get_context("spawn").Pool(parts) as pool:
        pool.starmap(_fill_share, [(port, share) for share in shares])


def _fill_share(port: int, jobs: int) -> None:
    ledger = Ledger(Redis(port=port, decode_responses=True), RETENTION_SECONDS)
    for start in range(0, jobs, BATCH):
        drafts = [_a_job(number) for number in range(start, min(start + BATCH, jobs))]
        recorded = ledger.admissions.record_many(drafts, _no_rules())
        found = [answer.job for answer in recorded if isinstance(answer, Recorded)]
        ledger.admissions.confirm_many(found)
        for number, job in enumerate(found):
            _run(ledger, job, number)


def _no_rules() -> Admission:
    return Admission(budget_seconds=60)


def _a_job(number: int) -> Job:
    """Return jobs of five kinds on two queues, a hundred owners, about 80 bytes of parameters."""
    kind = KINDS[number % len(KINDS)]
    return Job(
        id=str(uuid4()),
        kind=kind,
        queue="long" if kind in {"report.build", "web.crawl"} else "short",
        status=Status.ACCEPTED,
        parameters={"picture": f"{uuid4().hex}.jpg", "note": "as a client would send it"},
        submitted_at=datetime.now(UTC),
        owner=f"owner-{number % 100:014d}ab",
        trace_id=uuid4().hex,
    )


def _run(ledger: Ledger, job: Job, number: int) -> None:
    """Finish the jobs: nine of ten succeed, the others fail."""
    claimed = ledger.attempts.claim(job, "short@worker-1", "worker-1:4711:815")
    status = Status.FAILED if number % 10 == 9 else Status.SUCCEEDED
    ledger.attempts.finish(
        job.id,
        status,
        attempt=claimed.attempt,
        celery_result=f'{{"status":"SUCCESS","result":{{"thumbnails":3}},"task_id":"{job.id}"}}',
        result={"thumbnails": 3},
    )


def _measure_costs(ledger: Ledger) -> Costs:
    everything = JobFilter()
    rare = JobFilter(status=frozenset({"failed"}), kind=frozenset({"email.send"}))
    deep = _find_deep_cursor(ledger)
    return Costs(
        first_page=_milliseconds(lambda: ledger.list_jobs(everything, limit=PAGE)),
        deep_page=_milliseconds(lambda: ledger.list_jobs(everything, deep, PAGE)),
        filtered_page=_milliseconds(lambda: ledger.list_jobs(rare, limit=PAGE)),
        step=_milliseconds(lambda: _one_job(ledger)) / 4,
    )


def _find_deep_cursor(ledger: Ledger) -> str:
    """Return the cursor in the middle of all jobs, of a page that would end there by its time."""
    newest = ledger.list_jobs(JobFilter(), limit=1).jobs[0].submitted_at
    oldest = _find_oldest(ledger)
    middle = oldest + (newest - oldest) / 2
    return ledger.list_jobs(JobFilter(submitted_before=middle), limit=1).next_cursor


def _find_oldest(ledger: Ledger) -> datetime:
    moment = datetime.now(UTC)
    step = timedelta(hours=1)
    while ledger.list_jobs(JobFilter(submitted_before=moment - step), limit=1).jobs:
        moment -= step
    low, high = moment - step, moment
    while high - low > timedelta(milliseconds=10):
        middle = low + (high - low) / 2
        if ledger.list_jobs(JobFilter(submitted_before=middle), limit=1).jobs:
            high = middle
        else:
            low = middle
    return high


def _one_job(ledger: Ledger) -> None:
    """Time four steps: record, confirm, claim, finish."""
    job = _a_job(0)
    ledger.admissions.record(job)
    _run(ledger, ledger.admissions.confirm(job), 0)


def _milliseconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return median(times) * 1000


def _used_bytes(redis: "Redis") -> int:
    return int(redis.info("memory")["used_memory"])


def forget_all(redis: "Redis") -> None:
    """Forget all finished jobs, as if their retention were over."""
    redis.zunionstore(EXPIRING, {EXPIRING: 0})
    ledger = Ledger(redis, RETENTION_SECONDS)
    while ledger.trim(BATCH):
        pass


if __name__ == "__main__":
    main()
