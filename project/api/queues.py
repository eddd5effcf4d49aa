"""Queues: how full they are."""

from dataclasses import asdict
from typing import Any

from pydantic import Field

from project.api.values import AnswerDocument
from project.ledger.listing import QueueState


class Queue(AnswerDocument):
    """How full a queue is."""

    name: str
    depth: int = Field(description="Jobs that are due and wait for a worker")
    scheduled: int = Field(description="Jobs that are not due yet")
    running: int
    oldest_seconds: float | None = Field(
        description="How long the job that has waited longest has been due"
    )
    ready: int | None = Field(description="Messages in RabbitMQ's queue; null: it does not answer")
    consumers: int | None = Field(description="Its consumers; null: RabbitMQ does not answer")


class QueueList(AnswerDocument):
    """All queues."""

    queues: list[Queue]
    dead_letters: int = Field(description="How many jobs have been given up")


def serialize_queue(queue: QueueState, ready: int | None, consumers: int | None) -> dict[str, Any]:
    """How full a queue is, as the ledger and RabbitMQ say; None where that does not answer."""
    return Queue(**asdict(queue), ready=ready, consumers=consumers).model_dump()
