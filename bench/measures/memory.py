"""Measures the memory of an idle system: its processes' proportional set size, without servers."""

from typing import Any

import requests

from bench.accounting import pss_bytes, with_descendants
from bench.stack import Stack
from bench.systems.system import System, Web
from bench.waiting import await_that

DONE_SECONDS = 60.0


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Return MiB by program, after all programs have done some work."""
    if system.web is None:
        raise ValueError(f"{system.title} has no web server.")
    system.empty(stack)
    with system.whole(stack) as whole:
        _submit(whole.url, system.web, jobs)
        await_that(lambda: system.count_done(stack) >= jobs, "all is done", DONE_SECONDS)
        trees = {name: with_descendants(pids) for name, pids in whole.programs.items()}
        found = {name: pss_bytes(pids) / 2**20 for name, pids in trees.items()}
    return {
        "mib": {**found, "all": sum(found.values())},
        "processes": {name: len(pids) for name, pids in trees.items()},
    }


def _submit(url: str, web: Web, jobs: int) -> None:
    """Post each job over a new connection, so that every web process gets some."""
    headers = {"Content-Type": "application/json"}
    for _ in range(jobs):
        requests.post(url + web.post_path, web.body, headers=headers, timeout=10).raise_for_status()
