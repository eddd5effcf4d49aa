"""Measures a message's cost in RabbitMQ with many others waiting in a queue declared like ours."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from bench.peers.raw_channel import open_client
from bench.stack import Stack
from bench.systems.system import System
from project.broker.topology import make_job_queue

SMALLEST = 100
TIMED = 1_000
"""At each depth, this many messages are published, then as many taken."""


def measure(_system: System, stack: Stack, deepest: int) -> dict[str, Any]:
    """Return microseconds of a publish with confirm, and of a delivery with ack, by depth."""
    stack.empty_peers()
    figures: dict[str, Any] = {}
    arguments = make_job_queue("short").queue_arguments  # type: ignore[attr-defined]  # missing in its stub
    with closing(open_client(stack.peers_broker_url, arguments)) as client:
        waiting = 0
        for depth in _depths(deepest):
            client.submit_many(list(range(depth - waiting)))
            waiting = depth
            figures[str(depth)] = {
                "publish_us": _time(lambda: client.submit(0)),
                "deliver_us": _time(client.take),
            }
    stack.empty_peers()
    return figures


def _depths(deepest: int) -> list[int]:
    """Return a hundred, ten times as many each time, and `deepest`."""
    depths = [SMALLEST]
    while depths[-1] * 10 <= deepest:
        depths.append(depths[-1] * 10)
    return depths


def _time(step: Callable[[], None]) -> float:
    """Return the average microseconds of a step."""
    began = time.perf_counter()
    for _ in range(TIMED):
        step()
    return (time.perf_counter() - began) * 1e6 / TIMED
