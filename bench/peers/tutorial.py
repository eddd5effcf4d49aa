"""The tutorial's application: Celery 5.2 on Redis, results in Redis, Flask in front.

From testdriven.io's "Asynchronous Tasks with Flask and Celery", except that the job does not
sleep. Source: https://testdriven.io/blog/flask-and-celery/

Guaranteed: a task that was called is in Redis, which writes its log to the disk once a second.

Not guaranteed: that a job runs again if its worker is killed; it is acknowledged when it starts.
Until it has finished, its state is PENDING, like an unknown id's. No list of jobs, no events.
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
    """Do nothing, where the tutorial sleeps."""
    return task_type


@app.post("/tasks")
def run_task() -> tuple[Any, int]:
    """Submit `{"type": 1}`: 202 and the task's id."""
    task = create_task.delay(int(request.json["type"]))
    return jsonify({"task_id": task.id}), 202


@app.get("/tasks/<task_id>")
def get_status(task_id: str) -> tuple[Any, int]:
    """Return the task's state and result."""
    result = AsyncResult(task_id, app=celery)
    shown = {
        "task_id": task_id,
        "task_status": result.status,
        "task_result": result.result,
    }
    return jsonify(shown), 200


def connect() -> CeleryClient:
    """Return a client."""
    return CeleryClient(create_task)
