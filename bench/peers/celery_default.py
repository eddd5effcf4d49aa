"""Celery on RabbitMQ with its defaults, results in Redis.

Guaranteed: a job that RabbitMQ has written to its queue, a classic one, is kept over its restart.

Not guaranteed: that a `delay` that has returned has reached RabbitMQ, as nobody confirms it. A job
is acknowledged when it begins, so one whose worker is killed is lost. Until it has finished nothing
says that a job exists: its state is PENDING, as an unknown id's is. No list of jobs, no events.
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
    """A client."""
    return CeleryClient(noop)
