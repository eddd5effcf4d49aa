"""Measures a web server's requests a second, and their latency, with 16 and 64 connections."""

import json
import subprocess
from pathlib import Path
from typing import Any

import requests

from bench.accounting import Groups, cpu_seconds, with_descendants
from bench.stack import Stack
from bench.systems.system import System, Web

CONNECTIONS, MANY_CONNECTIONS = 16, 64
SCRIPT = Path(__file__).with_name("requests.lua")


def measure(system: System, stack: Stack, seconds: int) -> dict[str, Any]:
    """Measure POST with no worker, by few and by many connections, then GET of one of the jobs."""
    if system.web is None:
        raise ValueError(f"{system.title} has no web server.")
    system.empty(stack)
    return _measure_served(system, stack, system.web, seconds)


def measure_busy(system: System, stack: Stack, seconds: int) -> dict[str, Any]:
    """Measure the same while the workers do those jobs on the same machine."""
    if system.web is None:
        raise ValueError(f"{system.title} has no web server.")
    system.empty(stack)
    with system.working(stack):
        return _measure_served(system, stack, system.web, seconds)


def _measure_served(system: System, stack: Stack, web: Web, seconds: int) -> dict[str, Any]:
    with system.serving(stack) as server:
        job_id = _submit_one(server.url, web)
        groups = {"web": with_descendants([server.pid]), **stack.server_pids()}
        url, body = server.url + web.post_path, web.body
        figures = {
            "post": run_counted(groups, url, "POST", body, seconds),
            "post_64": run_counted(
                groups, url, "POST", body, seconds, connections=MANY_CONNECTIONS
            ),
        }
        if web.get_path:
            url = server.url + web.get_path.format(id=job_id)
            figures["get"] = run_counted(groups, url, "GET", "", max(2, seconds // 2))
    return figures


def run_counted(
    groups: Groups,
    url: str,
    method: str,
    body: str,
    seconds: int,
    *,
    connections: int = CONNECTIONS,
) -> dict[str, Any]:
    """Run wrk, and measure the CPU time of each response."""
    run_wrk(url, method, body, 1, connections)  # connects, and loads what is loaded late
    before = cpu_seconds(groups)
    figures = run_wrk(url, method, body, seconds, connections)
    after = cpu_seconds(groups)
    answers = max(1, figures["good"])
    cost = {name: (after[name] - before[name]) * 1000 / answers for name in after}
    return {**figures, "cpu_ms_a_request": cost}


def run_wrk(url: str, method: str, body: str, seconds: int, connections: int) -> dict[str, Any]:
    """Count only 2xx responses."""
    command = wrk_command(url, method, body, seconds, connections)
    found = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    figures: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return {**figures, "a_second": figures["good"] / figures["seconds"]}


def wrk_command(
    url: str, method: str, body: str, seconds: int, connections: int = CONNECTIONS
) -> list[str]:
    """Run wrk with one thread, that many connections, and the counting script."""
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT)]
    return ["wrk", *options, url, "--", method, body]


def _submit_one(url: str, web: Web) -> str:
    answer = requests.post(
        url + web.post_path,
        data=web.body,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    answer.raise_for_status()
    return str(answer.json()[web.id_field])
