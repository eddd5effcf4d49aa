"""Probes: does this process answer (`/healthz`), and can it accept jobs (`/readyz`)?"""

from flask import Blueprint, Response, jsonify
from redis import RedisError

from project.api.health import Health, Readiness
from project.errors import UnavailableError
from project.redis_client import check_writes, takes_no_writes
from project.server.openapi import Answer, describe
from project.server.services import Services, get_services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@describe("Does the process answer?", Answer(200, Health), tag="probes")
def check_process() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@describe(
    "Can the system accept jobs?",
    Answer(200, Readiness),
    Answer(503, Readiness, "A dependency is unavailable or accepts no writes."),
    tag="probes",
)
def check_dependencies() -> tuple[Response, int]:
    """Whether a submit's dependencies answer and accept writes; if not, 503 with their states."""
    found = _check(get_services())
    is_ready = all(state == "ok" for state in found.values())
    status = "ready" if is_ready else "not ready"
    return jsonify(status=status, dependencies=found), 200 if is_ready else 503


def _check(services: Services) -> dict[str, str]:
    found = {"redis": "ok", "broker": "ok"}
    try:
        check_writes(services.redis)  # a Redis that accepts no writes still answers a ping
    except RedisError as error:
        found["redis"] = "read-only" if takes_no_writes(error) else "missing"
    try:
        services.publisher.check(services.settings.job_queues, timeout_seconds=1)
    except UnavailableError:
        found["broker"] = "missing"
    return found
