"""Probes: does this process answer (`/healthz`), and can it take work (`/readyz`)?"""

from flask import Blueprint, Response, jsonify
from redis import RedisError

from project.errors import UnavailableError
from project.server.documents import Health, Readiness
from project.server.openapi import Answer, describe
from project.server.services import Services, services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@describe("Does the process answer?", Answer(200, Health), tag="probes")
def check_process() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@describe(
    "Can work be taken?",
    Answer(200, Readiness),
    Answer(503, Readiness, "A part is missing."),
    tag="probes",
)
def check_parts() -> tuple[Response, int]:
    """All parts that a submit needs are there; else 503, naming those that are missing."""
    parts = _check(services())
    is_ready = all(state == "ok" for state in parts.values())
    status = "ready" if is_ready else "not ready"
    return jsonify(status=status, parts=parts), 200 if is_ready else 503


def _check(equipment: Services) -> dict[str, str]:
    parts = {"redis": "ok", "broker": "ok"}
    try:
        equipment.redis.ping()
    except RedisError:
        parts["redis"] = "missing"
    try:
        equipment.publisher.check(timeout_seconds=1)
    except UnavailableError:
        parts["broker"] = "missing"
    return parts
