"""Celery on RabbitMQ with its defaults, results in Redis.

Guaranteed: a job that RabbitMQ has written to its classic queue survives RabbitMQ's restart.

Not guaranteed: that a `delay` that returned has reached RabbitMQ, because nothing confirms it. A
job is acknowledged when it starts, so it is lost if its worker is killed. Until it has finished,
nothing shows that a job exists: its state is PENDING, like an unknown id's. No list of jobs, no
events.
"""

import os

from celery import Celery

from bench.peers.celery_client import CeleryClient

app = Celery("noop", broker=os.environ["BENCH_BROKER_URL"], backend=os.environ["BENCH_RESULTS_URL"])


@app.task
def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> CeleryClient:
    """Return a client."""
    return CeleryClient(noop)
