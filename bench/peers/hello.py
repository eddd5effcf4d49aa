"""The limit: a Flask application that reads JSON and answers JSON, and does nothing else."""

from types import SimpleNamespace
from typing import Any

from flask import Flask, jsonify, request

app = Flask(__name__)
# What our gunicorn's configuration closes when it stops; there is nothing to close here.
_nothing = SimpleNamespace(close=lambda: None)
app.extensions["services"] = SimpleNamespace(listener=_nothing, spans=_nothing)


@app.post("/jobs")
def greet() -> tuple[Any, int]:
    """`{"n": 1}`: 202 and an id."""
    number = int(request.json["n"])
    return jsonify(id=str(number)), 202


@app.get("/jobs/<job_id>")
def show(job_id: str) -> Any:
    """The same again."""
    return jsonify(id=job_id)
