"""Work that a client submits: one job, a rerun, or many jobs."""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from project import jobs
from project.api.problems import Problem
from project.api.values import AnswerDocument, Instant, RequestDocument
from project.broker.message import MAX_DELAY_SECONDS

SUBMITTED_AT_ONCE = 10_000


class Submission(RequestDocument):
    """A job to run."""

    kind: str = Field(description="What to run: a name from `/api/v1/kinds`")
    parameters: dict[str, Any] = Field({}, description="Parameters, by the kind's JSON Schema")
    run_at: Instant | None = Field(None, description="Run the job no earlier than this time")
    delay_seconds: float | None = Field(
        None,
        ge=0,
        le=MAX_DELAY_SECONDS,
        allow_inf_nan=False,
        description="Run the job after this many seconds; use this or `run_at`, not both",
    )
    deduplication_key: str = Field(
        "",
        max_length=200,
        description="A submit returns the existing job of this kind and key unless that has failed",
    )

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "required": ["run_at", "delay_seconds"],
                "properties": {
                    "run_at": {"type": "string"},
                    "delay_seconds": {"type": "number"},
                },
            }
        }
    )


def _describe_submission(kind: jobs.Kind) -> type[BaseModel]:
    """The schema of a submission of this kind, for documentation; the kind itself validates."""
    name = "".join(word.capitalize() for word in kind.name.replace(".", "_").split("_"))
    name_type: Any = Literal[kind.name]
    return create_model(
        f"{name}Submission",
        __base__=Submission,
        __doc__=f"{kind.title}: a job of the kind `{kind.name}`.",
        kind=(name_type, Field(description="What to run")),
        parameters=(kind.parameters_model, _describe_parameters(kind)),
    )


def _describe_parameters(kind: jobs.Kind) -> Any:
    """The field `parameters`, which may be left out unless the kind requires a parameter."""
    fields = kind.parameters_model.model_fields.values()
    if any(field.is_required() for field in fields):
        return Field(description="The job's parameters")
    return Field(default_factory=kind.parameters_model, description="The job's parameters")


def any_submission() -> TypeAdapter[Any]:
    """A submission of any offered kind, for the OpenAPI document."""
    offered = [kind for kind in jobs.KINDS.values() if not kind.is_internal]
    choice: Any = reduce(or_, (_describe_submission(kind) for kind in offered))
    if len(offered) == 1:
        return TypeAdapter(choice)
    return TypeAdapter(Annotated[choice, Field(discriminator="kind")])


class Rerun(RequestDocument):
    """How to rerun a finished job."""

    parameters: dict[str, Any] | None = Field(
        None, description="Replaces all parameters; null keeps the finished job's parameters"
    )


class BulkSubmission(RequestDocument):
    """Many jobs to run. Each is accepted or refused separately."""

    jobs: list[Any] = Field(
        min_length=1, max_length=SUBMITTED_AT_ONCE, json_schema_extra={"items": {"type": "object"}}
    )


class BulkItem(AnswerDocument):
    """The result for one item: a job, or a problem."""

    status: int = Field(description="202, or the HTTP status that a single submit would get")
    id: str | None = None
    location: str | None = None
    problem: "Problem | None" = None


class BulkAnswer(AnswerDocument):
    """One result per job, in the order of the request."""

    jobs: list[BulkItem]
