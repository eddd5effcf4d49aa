"""A plain Flask application in front of the durable Celery application."""

from typing import Any

from flask import Flask, jsonify, request

from bench.peers.celery_durable import app as celery
from bench.peers.celery_durable import noop

app = Flask(__name__)


@app.post("/jobs")
def submit() -> tuple[Any, int]:
    """Submit `{"n": 1}`: 202 and the job's id."""
    result = noop.delay(int(request.json["n"]))
    return jsonify(id=result.id), 202


@app.get("/jobs/<job_id>")
def show(job_id: str) -> Any:
    """Return the job's state and result."""
    result = celery.AsyncResult(job_id)
    return jsonify(id=job_id, status=result.status, result=result.result)
