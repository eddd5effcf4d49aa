"""Celery set up to lose no job: a quorum queue, confirms, late acks; results in Redis.

Guaranteed: a `delay` that returned is on RabbitMQ's disk. A job whose process or worker is killed
is delivered again, and runs again from its start, as often as that happens.

Not guaranteed: that a job runs once (a finished job runs again if its acknowledgement is lost, and
a redelivered copy may run beside the first). Until it has finished, nothing shows that a job
exists: its state is PENDING, like an unknown id's. No list of jobs, no events, no log lines below
WARNING. A result that Redis loses is lost.
"""

import os
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from bench.peers.celery_client import CeleryClient
from bench.peers.work import WORK

SETTINGS = {
    "broker_transport_options": {"confirm_publish": True},
    "task_queues": [
        Queue("durable", Exchange("durable"), "durable", queue_arguments={"x-queue-type": "quorum"})
    ],
    "task_default_queue": "durable",
    "task_default_exchange": "durable",
    "task_default_routing_key": "durable",
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 8,
}


def build_app(**settings: Any) -> Celery:
    """Return a durable application, with optional additional settings."""
    urls = {"broker": os.environ["BENCH_BROKER_URL"], "backend": os.environ["BENCH_RESULTS_URL"]}
    made = Celery("noop", **urls)
    made.conf.update(**SETTINGS, **settings)
    return made


def add_tasks(made: Celery) -> dict[str, Any]:
    """Return a task for each kind of work, by its name."""
    return {name: made.task(name=f"bench.{name}")(work) for name, work in WORK.items()}


app = build_app()
tasks = add_tasks(app)
noop = tasks["noop"]


def connect() -> CeleryClient:
    """Return a client."""
    return CeleryClient(noop, tasks)
