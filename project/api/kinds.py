"""Kinds: what jobs can run."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from project.api.values import AnswerDocument
from project.jobs import Kind as JobKind
from project.ledger.run_times import RunTime as MeasuredRunTime


class RunTime(AnswerDocument):
    """How long jobs of a kind run in one queue."""

    queue: str
    runs: int = Field(description="Number of measured runs")
    p50_seconds: float
    p95_seconds: float = Field(description="19 of 20 runs take no longer than this")
    blocks_queue: bool = Field(description="Whether `p95_seconds` exceeds the queue's promise")


class Kind(AnswerDocument):
    """A kind of job."""

    name: str
    title: str
    description: str
    queue: str | None = Field(description="Null if it depends on the parameters")
    parameters: dict[str, Any] = Field(description="JSON Schema of its parameters")
    time_limit_seconds: float
    max_attempts: int
    run_times: list[RunTime] = Field(description="Run times of the newest jobs, by queue")


class KindList(AnswerDocument):
    """All kinds that clients can submit."""

    kinds: list[Kind]


def serialize_kind(kind: JobKind, run_times: Sequence[MeasuredRunTime] = ()) -> dict[str, Any]:
    """A kind, with the JSON Schema of its parameters."""
    return Kind(
        name=kind.name,
        title=kind.title,
        description=kind.description,
        queue=kind.queue if isinstance(kind.queue, str) else None,
        parameters=kind.parameters_model.model_json_schema(),
        time_limit_seconds=kind.time_limit_seconds,
        max_attempts=kind.max_attempts,
        run_times=[
            RunTime(
                queue=one.queue,
                runs=one.runs,
                p50_seconds=one.p50_seconds,
                p95_seconds=one.p95_seconds,
                blocks_queue=one.blocks_queue,
            )
            for one in run_times
            if one.kind == kind.name
        ],
    ).model_dump()
