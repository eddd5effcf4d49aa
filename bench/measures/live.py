"""Measures the time from a POST until a client sees the job's end, by event stream or polling."""

import time
from collections.abc import Callable
from typing import Any

from bench.browser import Browser, Stream
from bench.kinds import NOOP
from bench.measures.trips import summarize
from bench.stack import Stack
from bench.systems.system import System

JOBS = "/api/v1/jobs"
WARM_UP = 10
SUCCEEDED = frozenset({"succeeded"})
ANY = frozenset({"queued", "running", "succeeded"})
POLL_SECONDS = 0.005


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """Return milliseconds on an idle system."""
    system.empty(stack)
    with system.working(stack), system.serving(stack) as server:
        browser = Browser(server.url)
        stream = browser.open_stream()
        return {
            "stream": summarize(repeat(lambda: see_end(browser, stream), jobs)),
            "poll": summarize(repeat(lambda: _poll(browser), jobs)),
        }


def repeat(take: Callable[[], float], times: int) -> list[float]:
    """Return the seconds of each job, without the first ones."""
    for _ in range(WARM_UP):
        take()
    return [take() for _ in range(times)]


def submit(browser: Browser) -> str:
    """Post a no-op job and return its id."""
    return str(browser.post(JOBS, {"kind": NOOP, "parameters": {"n": 1}})["id"])


def see_end(browser: Browser, stream: Stream) -> float:
    """Return the seconds until the stream has the job's end."""
    began = time.perf_counter()
    return stream.await_status(submit(browser), SUCCEEDED) - began


def _poll(browser: Browser) -> float:
    """Return the seconds until a response has the job's end, with a pause between requests."""
    began = time.perf_counter()
    job_id = submit(browser)
    while browser.get(f"{JOBS}/{job_id}")["status"] != "succeeded":
        time.sleep(POLL_SECONDS)
    return time.perf_counter() - began
