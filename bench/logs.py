"""Measures the cost of a log line, compared with `ecs-logging`, and its share of requests and jobs.

    python -m deploy.native exec -- python -m bench.logs [--output bench/results/logs.md]

The writers take turns in one run, so that noise of the machine affects them equally: trust the
ratios. The shares come from the running stack's own lines, which say how long requests and
attempts took.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import ecs_logging
import orjson
import requests
import structlog

from project.config import Settings
from project.ledger import Job, Status
from project.observability.binding import enter_attempt, enter_job, read_bound
from project.observability.context import Trace
from project.observability.pipeline import configure_logging

ROOT = Path(__file__).parent.parent
ROUNDS = 40
LINES = 500
SUBMITS = 300

SUBMITTED = Trace(
    "4e5f45f2cd7d5899d164cb2045378fb3", "00f067aa0ba902b8", request_id="0123456789abcdef"
)
JOB = Job(
    id="2f0c1a52-5c0a-4d8c-9c1e-0a6a7a2f9d11",
    kind="create_task",
    queue="short",
    status=Status.RUNNING,
    parameters={"type": 0},
    submitted_at=datetime.now(UTC),
    attempt=1,
)
EVENT: dict[str, Any] = {
    "queue": "short",
    "status": "succeeded",
    "outcome": "success",
    "duration_ns": 1_234_567,
}


@dataclass(frozen=True, slots=True)
class Writer:
    """A way to write a line."""

    name: str
    write: Callable[[], None]


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.logs", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "results" / "logs.md")
    options = parser.parse_args()
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(_writers(Path(folder)))
    shares = _find_shares(settings, costs["our event"])
    report = _report(costs, shares)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(report)
    sys.stdout.write(report)


def measure(writers: list[Writer]) -> dict[str, float]:
    """Return each writer's microseconds a line: the median of many short turns."""
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for writer in writers:
            started = time.perf_counter()
            for _ in range(LINES):
                writer.write()
            times[writer.name].append((time.perf_counter() - started) / LINES * 1e6)
    return {name: median(found) for name, found in times.items()}


def _writers(folder: Path) -> list[Writer]:
    configure_logging(_production(folder / "ours"))
    enter_job(JOB, SUBMITTED)
    enter_attempt(JOB, SUBMITTED.attempt(JOB.id, JOB.attempt))
    ours = structlog.get_logger().bind()
    foreign = logging.getLogger("celery.beat")
    record = "Scheduler: Sending due task %s (%s)", "files.sweep", "files.sweep"
    return [
        Writer("our event", lambda: ours.info("job_finished", **EVENT)),
        Writer("our event, filtered out", lambda: ours.debug("job_finished", **EVENT)),
        Writer("a library's record", lambda: foreign.info(*record)),
        *_rivals(folder),
    ]


def _rivals(folder: Path) -> list[Writer]:
    """Return writers set up as `ecs-logging` documents, with a flush a line like ours."""
    rival = structlog.wrap_logger(
        structlog.WriteLogger((folder / "structlog.json").open("a")),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            ecs_logging.StructlogFormatter(),  # type: ignore[list-item]  # as its own text has it
        ],
    ).bind(**read_bound())
    handler = logging.FileHandler(folder / "stdlib.json")
    handler.setFormatter(ecs_logging.StdlibFormatter())
    logger = logging.getLogger("rival")
    logger.handlers, logger.propagate = [handler], False
    record = "Scheduler: Sending due task %s (%s)", "files.sweep", "files.sweep"
    return [
        Writer("ecs-logging with structlog", lambda: rival.info("job_finished", **EVENT)),
        Writer("ecs-logging, a library's record", lambda: logger.info(*record)),
    ]


def _production(folder: Path) -> Settings:
    """Return settings without the second log for people."""
    secrets = {
        "secret_key": "x" * 40,
        "broker_url": "amqp://jobs:x@localhost/jobs",
        "redis_url": "redis://:x@localhost/0",
        "management_url": "http://monitor:x@localhost/api/",
        "admin_password": "x",
        "flower_login": "flower:x",
    }
    return Settings(environment="production", log_dir=folder, log_level="INFO", **secrets)  # type: ignore[arg-type]


# ── Shares ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Share:
    """The share of an operation's time that its log lines take."""

    what: str
    lines: float
    milliseconds: float
    percent: float


def _find_shares(settings: Settings, microseconds: float) -> list[Share]:
    """Measure a submit and the shortest job, where a line's share is the largest."""
    url = f"{settings.public_url}/api/v1/jobs"
    job = {"kind": "create_task", "parameters": {"type": 0}}
    ids = [requests.post(url, json=job, timeout=10).json()["id"] for _ in range(SUBMITS)]
    while requests.get(f"{url}/{ids[-1]}", timeout=10).json()["status"] != "succeeded":
        time.sleep(0.1)
    lines = _read_lines(Path(os.environ["JOBS_LOG_DIR"]))
    return [
        _share("a submit over HTTP", lines, "http_request", microseconds),
        _share("a job that does nothing", lines, "job_finished", microseconds),
    ]


def _read_lines(folder: Path) -> list[dict[str, Any]]:
    paths = [path for role in ("web", "worker-short") for path in folder.glob(f"{role}.*.jsonl*")]
    return [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def _share(what: str, lines: list[dict[str, Any]], action: str, microseconds: float) -> Share:
    of_transaction = Counter(line.get("transaction", {}).get("id") for line in lines)
    outcomes = [
        line
        for line in lines
        if line["event"].get("action") == action
        and line.get("http", {}).get("request", {}).get("method") in {None, "POST"}
    ]
    count = median(of_transaction[line["transaction"]["id"]] for line in outcomes)
    took = median(line["event"]["duration"] for line in outcomes) / 1e6
    return Share(what, count, took, count * microseconds / 10 / took)


def _report(costs: dict[str, float], shares: list[Share]) -> str:
    ours = costs["our event"]
    rows = [f"| {name} | {cost:.1f} | {cost / ours:.2f} |" for name, cost in costs.items()]
    parts = [
        f"| {share.what} | {share.lines:g} | {share.milliseconds:.2f} | {share.percent:.1f} % |"
        for share in shares
    ]
    return "\n".join(
        [
            "# What a log line costs",
            "",
            "Made by `python -m deploy.native exec -- python -m bench.logs`. Medians of"
            f" {ROUNDS} turns of {LINES} lines, each written to its file before the next one.",
            "",
            "| writer | µs a line | × our event |",
            "|---|---|---|",
            *rows,
            "",
            "| operation | lines | milliseconds | share of the lines |",
            "|---|---|---|---|",
            *parts,
            "",
        ]
    )


if __name__ == "__main__":
    main()
