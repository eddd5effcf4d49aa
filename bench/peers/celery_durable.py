"""Celery so that no job is lost: a quorum queue, confirms, late acks; results in Redis."""

import os

from celery import Celery
from kombu import Exchange, Queue

from bench.peers.celery_client import CeleryClient

app = Celery("noop", broker=os.environ["BENCH_BROKER_URL"], backend=os.environ["BENCH_RESULTS_URL"])
app.conf.update(
    broker_transport_options={"confirm_publish": True},
    task_queues=[
        Queue("durable", Exchange("durable"), "durable", queue_arguments={"x-queue-type": "quorum"})
    ],
    task_default_queue="durable",
    task_default_exchange="durable",
    task_default_routing_key="durable",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=8,
)


@app.task
def noop(number: int) -> int:
    """Nothing."""
    return number


def connect() -> CeleryClient:
    """A client."""
    return CeleryClient(noop)
