"""Measures where the time goes: py-spy samples a worker during a drain, and the web server."""

import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.accounting import find_descendants
from bench.environments import find_program
from bench.measures.http import wrk_command
from bench.programs import drive
from bench.stack import Stack
from bench.systems.system import System
from bench.waiting import await_that

RATE = 250
SECONDS = 4
TOP = 12
TOOLS = "tools"
DRAIN_SECONDS = 180.0


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Return shares of samples in the worker's main process, a worker process and a web process."""
    system.empty(stack)
    drive(system.environment, system.client, "fill", jobs, system.variables(stack))
    with system.working(stack) as roots:
        await_that(lambda: system.count_done(stack) >= jobs / 10, "the drain runs", DRAIN_SECONDS)
        worker = record({"main": roots[0], "child": find_descendants(roots)[0]})
        await_that(lambda: system.count_done(stack) >= jobs, "all is done", DRAIN_SECONDS)
    return {**worker, **_record_web(system, stack)}


def record(pids: Mapping[str, int]) -> dict[str, Any]:
    """Sample the processes with py-spy, all at the same time."""
    with tempfile.TemporaryDirectory() as name:
        files = {process: Path(name) / process for process in pids}
        spies = [_spy(pids[process], file) for process, file in files.items()]
        for spy in spies:
            spy.wait(SECONDS * 10)
        return {process: summarize(file.read_text()) for process, file in files.items()}


def summarize(stacks: str) -> dict[str, Any]:
    """Compute shares from py-spy's raw format: a line is frames joined by `;`, then a count."""
    own: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    total = 0
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [frame for frame in frames.split(";") if frame]
        if not names:
            continue
        total += int(count)
        own[_name_function(names[-1])] += int(count)
        for module in {_name_module(frame) for frame in names}:
            modules[module] += int(count)
    return {"own": _shares(own, total), "modules": _shares(modules, total), "samples": total}


def _record_web(system: System, stack: Stack) -> dict[str, Any]:
    """Sample while wrk posts; no worker runs."""
    if system.web is None:
        return {}
    with system.serving(stack) as server:
        web_process = find_descendants([server.pid])[0]
        url = server.url + system.web.post_path
        load = subprocess.Popen(
            wrk_command(url, "POST", system.web.body, SECONDS + 3), stdout=subprocess.DEVNULL
        )
        found = record({"web": web_process})
        load.wait(SECONDS * 10)
    return found


def _spy(pid: int, output: Path) -> subprocess.Popen[bytes]:
    command = [find_program(TOOLS, "py-spy"), "record", "--format", "raw", "--nonblocking"]
    options = ["--rate", str(RATE), "--duration", str(SECONDS), "--output", str(output)]
    return subprocess.Popen(
        [*command, *options, "--pid", str(pid)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _name_function(frame: str) -> str:
    """Return `execute (project/worker/execution:12)` without the line number."""
    return frame.rpartition(":")[0] + ")" if ":" in frame else frame


def _name_module(frame: str) -> str:
    """Return the library, or the part of the project, that a frame's file belongs to."""
    path = frame.rpartition("(")[2].partition(":")[0].rstrip(")")
    parts = path.split("/")
    if parts[0] in {"project", "bench"}:
        return ".".join(parts[:2]).removesuffix(".py")
    return parts[0].removesuffix(".py")


def _shares(counts: Counter[str], total: int) -> dict[str, float]:
    return {name: count / total for name, count in counts.most_common(TOP)} if total else {}
