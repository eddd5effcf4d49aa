"""What a kind of job is, and `@job`, which defines one from a function.

    class ResizeParameters(BaseModel):
        picture: str

    @job("picture.resize", title="Resize", queue="short", time_limit_seconds=60)
    def resize(parameters: ResizeParameters, context: Context) -> dict[str, Any]:
        ...

The function stays a plain function: a unit test calls it with parameters and `Context()`.
"""

import errno
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import cleandoc, signature
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from project.errors import (
    DefinitionError,
    InvalidInputError,
    QueueFullError,
    TemporaryError,
    UnavailableError,
)
from project.json_values import check_json
from project.kinds.context import Context
from project.kinds.extras import LIBRARIES

__all__ = ["Context", "Kind", "job"]

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}

SOFT_LIMIT_SHARE = 0.9
"""Share of the time limit after which the job's code is interrupted, to leave time to clean up."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: a function, the model of its parameters, its queue and its limits."""

    name: str
    title: str
    function: Callable[[Any, Context], Any]
    parameters_model: type[BaseModel]
    queue: str | Callable[[Any], str]
    """Its name, or a function that chooses one for a job's parameters."""
    queues: tuple[str, ...]
    """All queues that its jobs may go to."""
    time_limit_seconds: float
    max_attempts: int
    retry_delay_seconds: float
    retry_on: tuple[type[Exception], ...]
    max_losses: int
    unique_for_seconds: int
    retention_seconds: int | None
    is_internal: bool
    is_repeatable: bool
    extra: str
    description: str

    def parse(self, values: Any) -> BaseModel:
        """Parse parameters from a client or a message; InvalidInputError says what is wrong."""
        try:
            return self.parameters_model.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(str(part) for part in first["loc"]) or "parameters"
            # Not chained: pydantic's error repeats the values, and a job's errors go to the logs.
            sentence = first["msg"].rstrip(".")
            raise InvalidInputError(f"{name}: {sentence}.", field=name) from None
        except RecursionError:  # workflows in workflows, or lists in lists, hundreds deep
            raise InvalidInputError("parameters: nested too deeply.", field="parameters") from None

    def write(self, parameters: BaseModel, *, only_set: bool = False) -> dict[str, Any]:
        """Parameters as JSON values, for records and messages; InvalidInputError if that fails.

        A job's code, or a model that converts text to numbers, can hold values that JSON has not.
        """
        try:
            values = parameters.model_dump(mode="json", exclude_unset=only_set)
        except ValueError:  # of a type that JSON does not have, or nested hundreds deep
            sentence = "parameters: only JSON values are allowed, not nested too deeply."
            raise InvalidInputError(sentence, field="parameters") from None
        check_json(values, "parameters")
        return values

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> BaseModel:
        """Parse a call's arguments; positional ones follow the order of the model's fields."""
        if len(args) > len(self.parameters_model.model_fields):
            raise InvalidInputError(f"{self.name} was given more arguments than it has parameters.")
        return self.parse(self.name_arguments(args, kwargs))

    def name_arguments(self, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Map a call's arguments to parameter names, unchecked."""
        return dict(zip(self.parameters_model.model_fields, args, strict=False)) | kwargs

    def queue_for(self, parameters: BaseModel) -> str:
        """The queue for a job with these parameters."""
        if isinstance(self.queue, str):
            return self.queue
        chosen = self.queue(parameters)
        if chosen not in self.queues:
            raise DefinitionError(f"{self.name}: it chose {chosen!r}, not {self._name_queues()}.")
        return chosen

    def _name_queues(self) -> str:
        return " or ".join(map(repr, self.queues))

    def run(self, parameters: BaseModel, context: Context) -> Any:
        """Call the kind's function."""
        return self.function(parameters, context)

    def is_temporary(self, error: BaseException) -> bool:
        """Whether another attempt may succeed."""
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            return True
        return isinstance(error, (TemporaryError, UnavailableError, QueueFullError, *self.retry_on))

    def retry_delay(self, attempt: int, chance: Callable[[], float] = random.random) -> int:
        """Whole seconds to wait after the given attempt.

        The delay doubles each time, up to ten minutes; `chance` (0 to 1) adds up to a quarter, so
        that jobs that failed together are not retried together.
        """
        # Whole seconds, because delayed delivery on quorum queues refuses fractions.
        delay: float = min(self.retry_delay_seconds * 2 ** min(attempt - 1, 64), 600)
        return max(1, round(delay * (1 + chance() / 4)))


def job(
    name: str,
    *,
    title: str,
    queue: str | Callable[[Any], str] | None = None,
    time_limit_seconds: float | None = None,
    max_attempts: int = 3,
    retry_delay_seconds: float = 2,
    retry_on: tuple[type[Exception], ...] = (),
    max_losses: int = 5,
    unique_for_seconds: int = 0,
    retention_seconds: int | None = None,
    is_internal: bool = False,
    repeatable: bool = False,
    extra: str = "",
) -> Callable[[Callable[[Any, Context], Any]], Kind]:
    """Define a kind.

    `queue` is a queue's name, or a function from the parameters to one, whose return type lists
    them, as in `Literal["short", "long"]`. A process refuses to start where JOBS_QUEUES lacks one.

    A job that fails with a TemporaryError, a full disk or an error listed in `retry_on` is retried,
    up to `max_attempts` attempts in all; any other error fails the job at once. A job is dead after
    `max_losses` attempts whose process was killed, so that they ended without an outcome. If a job
    with the same parameters was submitted within the last `unique_for_seconds`, submitting another
    returns that job, unless it has failed, died or been cancelled. A succeeded job and its files
    are kept for `retention_seconds`, or with None for as long as the setting says. Clients cannot
    submit jobs of an internal kind.

    `repeatable` promises that a job may run twice without harm. Short jobs then run faster: a
    worker process begins several with one call to Redis and writes their results with the next. If
    a process is killed, its jobs of the last 5 ms run twice; of any other kind, at most one job.

    `extra` is the extra of setup.cfg that installs the kind's libraries. Without it the kind is not
    offered.

    Raises DefinitionError if an argument is missing or invalid.
    """
    if queue is None or time_limit_seconds is None:
        missing = "queue" if queue is None else "time_limit_seconds"
        raise DefinitionError(f"{name}: @job needs {missing}.")

    def define(function: Callable[[Any, Context], Any]) -> Kind:
        kind = Kind(
            name=name,
            title=title,
            function=function,
            parameters_model=_parameters_model(name, function),
            queue=queue,
            queues=_list_queues(name, queue),
            time_limit_seconds=time_limit_seconds,
            max_attempts=max_attempts,
            retry_delay_seconds=retry_delay_seconds,
            retry_on=retry_on,
            max_losses=max_losses,
            unique_for_seconds=unique_for_seconds,
            retention_seconds=retention_seconds,
            is_internal=is_internal,
            is_repeatable=repeatable,
            extra=extra,
            description=(cleandoc(function.__doc__ or "").partition("\n\n")[0]),
        )
        _check(kind)
        return kind

    return define


def _parameters_model(name: str, function: Callable[..., Any]) -> type[BaseModel]:
    parameters = list(signature(function).parameters)
    if len(parameters) != 2:
        raise DefinitionError(f"{name}: the function must take parameters and a context.")
    model = get_type_hints(function).get(parameters[0])
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise DefinitionError(f"{name}: the first argument's type must be a pydantic model.")
    return model


def _list_queues(name: str, queue: str | Callable[[Any], str]) -> tuple[str, ...]:
    if isinstance(queue, str):
        return (queue,)
    listed = get_type_hints(queue).get("return")
    if get_origin(listed) is not Literal:
        raise DefinitionError(
            f"{name}: the function that chooses the queue must list the queues in its return type, "
            'as in Literal["short", "long"].'
        )
    return get_args(listed)


def _check(kind: Kind) -> None:
    for is_right, what in (
        (_NAME.fullmatch(kind.name), "the name may have small letters, digits, _ and dots only"),
        (kind.title.strip(), "the title must not be empty"),
        (kind.time_limit_seconds > 0, "time_limit_seconds must be more than zero"),
        (kind.max_attempts >= 1, "max_attempts must be 1 or more"),
        (kind.max_losses >= 1, "max_losses must be 1 or more"),
        (
            kind.retention_seconds is None or kind.retention_seconds >= 60,
            "retention_seconds must be 60 or more",
        ),
        (
            not kind.extra or kind.extra in LIBRARIES,
            f"the extra must be one of {', '.join(LIBRARIES)}",
        ),
    ):
        if not is_right:
            raise DefinitionError(f"{kind.name}: {what}.")
    _check_parameters(kind)


def _check_parameters(kind: Kind) -> None:
    """Check that each parameter has a JSON Schema; the error names the first that has none."""
    for name, model_field in kind.parameters_model.model_fields.items():
        try:
            TypeAdapter(model_field.rebuild_annotation()).json_schema()
        except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError) as error:
            raise DefinitionError(f"{kind.name}: parameter {name} has no JSON Schema.") from error
    kind.parameters_model.model_json_schema()
