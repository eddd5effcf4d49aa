"""Takes the measurements in order, and keeps each figure as soon as it is measured."""

import fcntl
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import RedisError

from bench.environments import OURS
from bench.machine import describe_machine
from bench.plan import MEASURES, Plan, Step
from bench.stack import Stack
from bench.systems.catalog import SYSTEMS
from bench.waiting import SlowError


def run_rounds(
    plan: Plan,
    stacks: Mapping[str, Stack],
    output: Path,
    lock: Path | None,
    earlier: Mapping[str, Any],
) -> None:
    """Measure everything in the plan, and write the raw figures to the file after each step.

    `stacks` are by environment. The figures of earlier runs stay before the new ones.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Any] = {
        "began_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "is_quick": plan.is_quick,
        "machine": describe_machine(stacks[OURS]),
        "figures": [],
        **earlier,
        "before": plan.before or earlier.get("before", ""),
    }
    first = count_rounds(kept["figures"])
    steps, awake = plan.steps(), stacks[OURS]
    for number, step in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {step.measure}: {step.system}", flush=True)
        stack = stacks.get(SYSTEMS[step.system].environment, stacks[OURS])
        with _turn(lock):
            if stack is not awake:
                awake.rest()
                stack.wake()
                awake = stack
            began = time.monotonic()
            figures = take_step(plan, step, stack)
            took = round(time.monotonic() - began, 1)
        print(f"    {took} s: {_shorten(figures)}", flush=True)
        entry = {
            "round": first.get(step.measure, 0) + step.round,
            "measure": step.measure,
            "system": step.system,
            "took_seconds": took,
        }
        kept["figures"].append({**entry, **figures})
        output.write_text(json.dumps(kept, indent=1) + "\n")


def read_earlier(output: Path, plan: Plan) -> dict[str, Any]:
    """Return the figures of earlier runs; ValueError if new figures cannot be added to them."""
    if not output.exists():
        return {}
    earlier: dict[str, Any] = json.loads(output.read_text())
    has_other_commit = plan.before and earlier.get("before", "") not in ("", plan.before)
    if earlier["is_quick"] != plan.is_quick or has_other_commit:
        raise ValueError(
            f"{output.name} is from a run with other sizes or another earlier commit: leave out "
            "--add, or choose another --output."
        )
    return earlier


def count_rounds(figures: list[dict[str, Any]]) -> dict[str, int]:
    """Return the number of rounds of each measure."""
    found: dict[str, int] = {}
    for entry in figures:
        found[entry["measure"]] = max(found.get(entry["measure"], 0), entry["round"] + 1)
    return found


def take_step(plan: Plan, step: Step, stack: Stack) -> dict[str, Any]:
    """Take a measurement. Its failure is recorded and reported; the others continue."""
    measure = MEASURES[step.measure]
    try:
        return measure.take(SYSTEMS[step.system], stack, plan.size_of(step.measure))
    except (SlowError, ValueError, OSError, RedisError, subprocess.SubprocessError) as error:
        return {"failed": str(error)}


@contextmanager
def _turn(lock: Path | None) -> Iterator[None]:
    """Wait for the lock file, so that no other program that uses the lock runs at the same time."""
    if lock is None:
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _shorten(figures: Any) -> str:
    """Shorten figures for the terminal."""
    if isinstance(figures, dict):
        return ", ".join(f"{name} {_shorten(value)}" for name, value in figures.items())
    if isinstance(figures, float):
        return f"{figures:.4g}"
    return f"{len(figures)} values" if isinstance(figures, list) else str(figures)
