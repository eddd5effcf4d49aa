"""Measures how many jobs a second one client submits by `POST /api/v1/jobs/bulk`."""

import time
from contextlib import closing
from typing import Any

from bench.accounting import cpu_seconds, with_descendants
from bench.browser import Browser
from bench.kinds import NOOP
from bench.stack import Stack
from bench.systems.system import System

TOGETHER = 1000
PATH = "/api/v1/jobs/bulk"


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Submit a thousand jobs a request, one request after the other; no worker runs."""
    system.empty(stack)
    with system.serving(stack) as server, closing(Browser(server.url)) as browser:
        _submit(browser, 1)
        groups = {"web": with_descendants([server.pid]), **stack.server_pids()}
        before, began = cpu_seconds(groups), time.perf_counter()
        for _ in range(0, jobs, TOGETHER):
            _submit(browser, TOGETHER)
        seconds, after = time.perf_counter() - began, cpu_seconds(groups)
    return {
        "jobs_a_second": jobs / seconds,
        "cpu_ms_a_job": {name: (after[name] - before[name]) * 1000 / jobs for name in after},
    }


def _submit(browser: Browser, jobs: int) -> None:
    wanted = [{"kind": NOOP, "parameters": {"n": number}} for number in range(jobs)]
    answers = browser.post(PATH, {"jobs": wanted})["jobs"]
    refused = [answer for answer in answers if answer["status"] != 202]
    if refused or len(answers) != jobs:
        raise ValueError(f"Of {jobs} jobs {len(refused)} were refused: {refused[:1]}")
