"""Celery on RabbitMQ with its defaults, results in Redis."""

import os

from celery import Celery

from bench.peers.celery_client import CeleryClient

app = Celery("noop", broker=os.environ["BENCH_BROKER_URL"], backend=os.environ["BENCH_RESULTS_URL"])


@app.task
def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> CeleryClient:
    """A client."""
    return CeleryClient(noop)
