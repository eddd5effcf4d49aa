"""The tutorial's application: Celery 5.2 on Redis, results in Redis, Flask in front.

As testdriven.io's "Asynchronous Tasks with Flask and Celery" has it, but for a job that does not
sleep. Source: https://testdriven.io/blog/flask-and-celery/

Guaranteed: a task that was called is in Redis, which writes its log to the disk once a second.

Not guaranteed: that a job whose worker is killed runs again; it is acknowledged when it begins.
Until it has finished its state is PENDING, as an unknown id's is. No list of jobs, no events.
"""

import os
from typing import Any

from celery import Celery
from celery.result import AsyncResult
from flask import Flask, jsonify, request

from bench.peers.celery_client import CeleryClient

celery = Celery("tutorial")
celery.conf.broker_url = os.environ["BENCH_REDIS_BROKER_URL"]
celery.conf.result_backend = os.environ["BENCH_RESULTS_URL"]
app = Flask(__name__)


@celery.task(name="create_task")
def create_task(task_type: int) -> int:
    """The tutorial sleeps here."""
    return task_type


@app.post("/tasks")
def run_task() -> tuple[Any, int]:
    """`{"type": 1}`: 202 and the task's id."""
    task = create_task.delay(int(request.json["type"]))
    return jsonify({"task_id": task.id}), 202


@app.get("/tasks/<task_id>")
def get_status(task_id: str) -> tuple[Any, int]:
    """The task's state and result."""
    result = AsyncResult(task_id, app=celery)
    shown = {
        "task_id": task_id,
        "task_status": result.status,
        "task_result": result.result,
    }
    return jsonify(shown), 200


def connect() -> CeleryClient:
    """A client."""
    return CeleryClient(create_task)
