"""Takes the measurements in their order, and keeps each figure as soon as it is there."""

import fcntl
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import RedisError

from bench.machine import describe_machine
from bench.plan import MEASURES, Plan, Step
from bench.stack import Stack
from bench.systems.catalog import SYSTEMS
from bench.waiting import SlowError


def run_rounds(plan: Plan, stack: Stack, output: Path, lock: Path | None) -> None:
    """Measure all of the plan; the raw figures are written to the file after each step."""
    output.parent.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Any] = {
        "began_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "is_quick": plan.is_quick,
        "rounds": plan.most_rounds,
        "machine": describe_machine(stack),
        "figures": [],
    }
    steps = plan.steps()
    for number, step in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {step.measure}: {step.system}", flush=True)
        with _turn(lock):
            began = time.monotonic()
            figures = take_step(plan, step, stack)
            took = round(time.monotonic() - began, 1)
        print(f"    {took} s: {_shorten(figures)}", flush=True)
        entry = {
            "round": step.round,
            "measure": step.measure,
            "system": step.system,
            "took_seconds": took,
        }
        kept["figures"].append({**entry, **figures})
        output.write_text(json.dumps(kept, indent=1) + "\n")


def take_step(plan: Plan, step: Step, stack: Stack) -> dict[str, Any]:
    """A measurement that fails is kept as such, and told in the report; the others go on."""
    measure = MEASURES[step.measure]
    try:
        return measure.take(SYSTEMS[step.system], stack, plan.size_of(step.measure))
    except (SlowError, ValueError, OSError, RedisError, subprocess.SubprocessError) as error:
        return {"failed": str(error)}


@contextmanager
def _turn(lock: Path | None) -> Iterator[None]:
    """Alone on the machine, as far as others keep to the same lock."""
    if lock is None:
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _shorten(figures: Any) -> str:
    """Figures for a person who waits."""
    if isinstance(figures, dict):
        return ", ".join(f"{name} {_shorten(value)}" for name, value in figures.items())
    if isinstance(figures, float):
        return f"{figures:.4g}"
    return f"{len(figures)} values" if isinstance(figures, list) else str(figures)
