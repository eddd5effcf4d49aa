"""Work that a client hands over: one job, an ended one again, or many."""

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
    parameters: dict[str, Any] = Field({}, description="What the kind's JSON Schema asks for")
    run_at: Instant | None = Field(None, description="Not before this time")
    delay_seconds: float | None = Field(
        None,
        ge=0,
        le=MAX_DELAY_SECONDS,
        allow_inf_nan=False,
        description="Not before so many seconds have passed; instead of `run_at`",
    )
    deduplication_key: str = Field(
        "",
        max_length=200,
        description="While a job of this kind and key has not failed, another one is that job",
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
    """A submission of this kind. It tells; checking the parameters is the kind's own affair."""
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
    """They may be left out where none of them must be there."""
    fields = kind.parameters_model.model_fields.values()
    if any(field.is_required() for field in fields):
        return Field(description="What it runs with")
    return Field(default_factory=kind.parameters_model, description="What it runs with")


def any_submission() -> TypeAdapter[Any]:
    """A submission of any kind that is offered, for the description of the API."""
    offered = [kind for kind in jobs.KINDS.values() if not kind.is_internal]
    choice: Any = reduce(or_, (_describe_submission(kind) for kind in offered))
    if len(offered) == 1:
        return TypeAdapter(choice)
    return TypeAdapter(Annotated[choice, Field(discriminator="kind")])


class Rerun(RequestDocument):
    """How to run an ended job again."""

    parameters: dict[str, Any] | None = Field(
        None, description="Other parameters than before, all of them; null: the same"
    )


class BulkSubmission(RequestDocument):
    """Many jobs to run. Each is judged by itself."""

    jobs: list[Any] = Field(
        min_length=1, max_length=SUBMITTED_AT_ONCE, json_schema_extra={"items": {"type": "object"}}
    )


class BulkItem(AnswerDocument):
    """What became of one of them: a job, or a problem."""

    status: int = Field(description="202, or the status that the job alone would have got")
    id: str | None = None
    location: str | None = None
    problem: "Problem | None" = None


class BulkAnswer(AnswerDocument):
    """An answer each, in the order of the request."""

    jobs: list[BulkItem]
