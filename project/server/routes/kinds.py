"""The kinds of jobs under `/api/v1/kinds`."""

import structlog
from flask import Blueprint, Response, jsonify
from redis import RedisError

from project.api.kinds import KindList, serialize_kind
from project.jobs import KINDS
from project.ledger.run_times import RunTime
from project.server.openapi import Answer, describe
from project.server.services import get_services

blueprint = Blueprint("kinds", __name__, url_prefix="/api/v1")

_log = structlog.get_logger()


@blueprint.get("/kinds")
@describe("List the kinds of jobs", Answer(200, KindList), tag="kinds")
def list_kinds() -> Response:
    """The offered kinds, with the JSON Schema of their parameters and how long they take."""
    offered = [kind for kind in KINDS.values() if not kind.is_internal]
    run_times = find_run_times()
    return jsonify(kinds=[serialize_kind(kind, run_times) for kind in offered])


def find_run_times() -> list[RunTime]:
    """How long kinds take; empty while Redis is unavailable, as the kinds are known without it."""
    try:
        return get_services().run_times.read()
    except RedisError as error:
        _log.warning("run_times_not_read", reason=str(error))
        return []
