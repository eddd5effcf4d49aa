"""Measures the cost of many open event streams, and how they slow down events and submits."""

import time
from typing import Any

from bench.accounting import pss_bytes, with_descendants
from bench.browser import Browser, Stream
from bench.measures.live import repeat, see_end, submit
from bench.measures.trips import summarize
from bench.stack import Stack
from bench.systems.system import Server, System

COUNTS = (10, 100, 1000)


def measure(system: System, stack: Stack, jobs: int) -> dict[str, Any]:
    """For each number of streams, measure KiB a stream, and milliseconds to an event and a POST."""
    system.empty(stack)
    # Memory left by earlier streams would be used again, and cost nothing.
    stack.stop("web")
    stack.start("web")
    stack.await_ready("web")
    with system.working(stack), system.serving(stack) as server:
        return {str(count): _measure_beside(server, count, jobs) for count in COUNTS}


def _measure_beside(server: Server, count: int, jobs: int) -> dict[str, Any]:
    browser = Browser(server.url)
    observed = browser.open_stream()
    repeat(lambda: see_end(browser, observed), 1)
    before = _memory(server)
    streams = [_open_another(server) for _ in range(count)]
    browser.close()  # the server may have closed it already, as idle
    memory = (_memory(server) - before) / 1024 / count
    seen = summarize(repeat(lambda: see_end(browser, observed), jobs))
    posts = summarize(repeat(lambda: _time_submit(browser), jobs))
    for stream in [observed, *streams]:
        stream.close()
    browser.close()
    return {"kib_a_stream": memory, "seen": seen, "post": posts}


def _open_another(server: Server) -> Stream:
    """Open a stream of a new browser."""
    browser = Browser(server.url)
    stream = browser.open_stream()
    browser.close()
    return stream


def _time_submit(browser: Browser) -> float:
    began = time.perf_counter()
    submit(browser)
    return time.perf_counter() - began


def _memory(server: Server) -> int:
    return pss_bytes(with_descendants([server.pid]))
