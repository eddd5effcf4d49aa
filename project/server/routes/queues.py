"""The queues under `/api/v1/queues`."""

from collections.abc import Sequence

from flask import Blueprint, Response, jsonify

from project.api.queues import QueueList, serialize_queue
from project.broker.publisher import Publisher
from project.errors import UnavailableError
from project.server.openapi import Answer, describe
from project.server.services import get_services

TIMEOUT_SECONDS = 1

blueprint = Blueprint("queues", __name__, url_prefix="/api/v1")


@blueprint.get("/queues")
@describe("See how full the queues are", Answer(200, QueueList), tag="queues", problems=(503,))
def list_queues() -> Response:
    """Each queue's state in the ledger and RabbitMQ, and the number of dead letters."""
    services = get_services()
    queues = services.ledger.list_queues(services.settings.job_queues)
    depths = _find_depths(services.publisher, [queue.name for queue in queues])
    return jsonify(
        queues=[serialize_queue(queue, *depths[queue.name]) for queue in queues],
        dead_letters=services.dead_letters.count(),
    )


def _find_depths(
    publisher: Publisher, queues: Sequence[str]
) -> dict[str, tuple[int | None, int | None]]:
    """Each queue's ready messages and consumers; None while RabbitMQ is unavailable."""
    try:
        return {**publisher.depths(queues, TIMEOUT_SECONDS)}
    except UnavailableError:
        return dict.fromkeys(queues, (None, None))
