"""The limit: a Flask application that reads JSON and answers JSON, and does nothing else."""

from types import SimpleNamespace
from typing import Any

from flask import Flask, jsonify, request

app = Flask(__name__)
# Our gunicorn configuration closes this when it stops; here there is nothing to close.
_nothing = SimpleNamespace(close=lambda: None)
app.extensions["services"] = SimpleNamespace(listener=_nothing, spans=_nothing)


@app.post("/jobs")
def greet() -> tuple[Any, int]:
    """Return 202 and an id for `{"n": 1}`."""
    number = int(request.json["n"])
    return jsonify(id=str(number)), 202


@app.get("/jobs/<job_id>")
def show(job_id: str) -> Any:
    """Return the same."""
    return jsonify(id=job_id)
