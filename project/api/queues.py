"""Queues: how full they are."""

from dataclasses import asdict
from typing import Any

from pydantic import Field

from project.api.values import AnswerDocument
from project.ledger.listing import QueueState


class Queue(AnswerDocument):
    """How full a queue is."""

    name: str
    depth: int = Field(description="Due jobs that wait for a worker")
    scheduled: int = Field(description="Jobs that are not due yet")
    running: int
    oldest_seconds: float | None = Field(
        description="How long the longest-waiting job has been due; null if none waits"
    )
    ready: int | None = Field(
        description="Ready messages in RabbitMQ; null while RabbitMQ is unavailable"
    )
    consumers: int | None = Field(
        description="Consumers of the queue; null while RabbitMQ is unavailable"
    )


class QueueList(AnswerDocument):
    """All queues."""

    queues: list[Queue]
    dead_letters: int = Field(description="Number of dead letters")


def serialize_queue(queue: QueueState, ready: int | None, consumers: int | None) -> dict[str, Any]:
    """How full a queue is by the ledger and RabbitMQ; None while RabbitMQ is unavailable."""
    return Queue(**asdict(queue), ready=ready, consumers=consumers).model_dump()
