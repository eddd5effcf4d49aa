"""What a kind of job is, and `@job`, which defines one from a function.

    class ResizeParameters(BaseModel):
        picture: str

    @job("picture.resize", title="Resize", lane=Lane.SHORT, time_limit_seconds=60)
    def resize(parameters: ResizeParameters, context: Context) -> dict[str, Any]:
        ...

The function stays a plain function: a unit test calls it with parameters and `Context()`.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from inspect import signature
from pathlib import Path
from typing import Any, Protocol, cast, get_type_hints

from pydantic import BaseModel, ValidationError

from project.errors import (
    DefinitionError,
    InvalidInputError,
    LaneFullError,
    TemporaryError,
    UnavailableError,
)
from project.lane import Lane

SOFT_LIMIT_SHARE = 0.9
"""Share of the time limit after which the job's code is interrupted, so that it can clean up."""


class Files(Protocol):
    """Where a job's files come from and go to, by the ids that the store gave them."""

    def path(self, file_id: str) -> Path: ...
    def write(self, content: bytes, suffix: str) -> str: ...
    def sweep(self, older_than_seconds: float) -> int: ...


class NoFiles:
    """Stands in where a job is called without a store."""

    def __getattr__(self, name: str) -> Any:
        raise DefinitionError(f"This context has no files: {name} needs some.")


def _ignore_progress(done: float, total: float, step: str = "") -> None:
    """Without a worker nobody watches."""


def _never_stopped() -> None:
    """Without a worker nobody cancels."""


def _no_children(kind: str, parameters: Mapping[str, Any], key: str = "") -> str:
    raise DefinitionError("This context submits no jobs.")


def _no_mail(message: EmailMessage) -> None:
    raise DefinitionError("This context has no mail server.")


@dataclass(frozen=True, slots=True)
class Context:
    """What a job may use besides its parameters."""

    attempt: int = 1
    report_progress: Callable[..., None] = _ignore_progress
    """`report_progress(done, total, step="")`: shown live; cheap. Raises as `check` does."""
    check: Callable[[], None] = _never_stopped
    """Raises CancelledError where the job was cancelled, or runs elsewhere by now. Cheap."""
    ends_at: float = float("inf")
    """Reading of `time.monotonic` at which the job is interrupted for its time limit."""
    submit: Callable[..., str] = _no_children
    """`submit(kind, parameters, key="")`: a child job's id. The same call in another attempt is the
    same child: its key, or else its place in the order of calls, says which. Children are cancelled
    with their parent. Raises InvalidInputError, UnavailableError or LaneFullError."""
    files: Files = field(default_factory=lambda: cast(Files, NoFiles()))
    send_mail: Callable[[EmailMessage], None] = _no_mail
    """Raises TemporaryError or PermanentError."""
    trace_headers: Mapping[str, str] = field(default_factory=dict)
    """Headers for HTTP calls that the job makes, so that the other side's traces and logs join."""
    sleep: Callable[[float], None] = field(default=time.sleep)
    retention_seconds: float = 7 * 24 * 3600

    def remaining_seconds(self) -> float:
        """How long the job may still run before it is interrupted."""
        return self.ends_at - time.monotonic()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: one function, its parameters' model, its lane and limits."""

    name: str
    title: str
    function: Callable[[Any, Context], Any]
    parameters_model: type[BaseModel]
    lane: Lane | Callable[[Any], Lane]
    time_limit_seconds: float
    max_attempts: int
    retry_delay_seconds: float
    retry_on: tuple[type[Exception], ...]
    max_losses: int
    unique_for_seconds: int
    is_internal: bool

    def parse(self, values: Any) -> BaseModel:
        """Parameters from a client or a message; InvalidInputError says what is wrong."""
        try:
            return self.parameters_model.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(str(part) for part in first["loc"]) or "parameters"
            # Not chained: pydantic's error repeats the values, and a job's errors go to the logs.
            sentence = first["msg"].rstrip(".")
            raise InvalidInputError(f"{name}: {sentence}.", field=name) from None

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> BaseModel:
        """Parameters from a call: positional ones in the order of the model's fields."""
        if len(args) > len(self.parameters_model.model_fields):
            raise InvalidInputError(f"{self.name} was given too many parameters.")
        return self.parse(self.name_arguments(args, kwargs))

    def name_arguments(self, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """A call's arguments by name, unchecked."""
        return dict(zip(self.parameters_model.model_fields, args, strict=False)) | kwargs

    def lane_for(self, parameters: BaseModel) -> Lane:
        """The lane that a job with these parameters goes to."""
        return self.lane if isinstance(self.lane, Lane) else self.lane(parameters)

    def run(self, parameters: BaseModel, context: Context) -> Any:
        """Do the work."""
        return self.function(parameters, context)

    def is_temporary(self, error: BaseException) -> bool:
        """Whether another attempt may succeed."""
        return isinstance(error, (TemporaryError, UnavailableError, LaneFullError, *self.retry_on))

    def retry_delay(self, attempt: int, chance: Callable[[], float] = random.random) -> int:
        """Whole seconds to wait after that attempt.

        Doubled each time, at most ten minutes, and up to a quarter more by `chance` (0 to 1), so
        that jobs which failed together do not come back together.
        """
        # Whole, because delayed delivery on quorum queues refuses parts of a second.
        delay: float = min(self.retry_delay_seconds * 2 ** (attempt - 1), 600)
        return max(1, round(delay * (1 + chance() / 4)))


def job(
    name: str,
    *,
    title: str,
    lane: Lane | Callable[[Any], Lane],
    time_limit_seconds: float,
    max_attempts: int = 3,
    retry_delay_seconds: float = 2,
    retry_on: tuple[type[Exception], ...] = (),
    max_losses: int = 5,
    unique_for_seconds: int = 0,
    is_internal: bool = False,
) -> Callable[[Callable[[Any, Context], Any]], Kind]:
    """Define a kind.

    A TemporaryError, and what `retry_on` lists, is retried up to `max_attempts`; any other error is
    final. After `max_losses` attempts that ended without an outcome (the process was killed) the
    job is dead. With `unique_for_seconds`, a job with the parameters of one that was submitted so
    recently, and has not failed, is that job. An internal kind is not offered to clients.
    """

    def define(function: Callable[[Any, Context], Any]) -> Kind:
        kind = Kind(
            name=name,
            title=title,
            function=function,
            parameters_model=_parameters_model(name, function),
            lane=lane,
            time_limit_seconds=time_limit_seconds,
            max_attempts=max_attempts,
            retry_delay_seconds=retry_delay_seconds,
            retry_on=retry_on,
            max_losses=max_losses,
            unique_for_seconds=unique_for_seconds,
            is_internal=is_internal,
        )
        _check(kind)
        return kind

    return define


def _parameters_model(name: str, function: Callable[..., Any]) -> type[BaseModel]:
    parameters = list(signature(function).parameters)
    if len(parameters) != 2:
        raise DefinitionError(f"{name}: the function takes its parameters and a context.")
    model = get_type_hints(function).get(parameters[0])
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise DefinitionError(f"{name}: the first argument's type must be a pydantic model.")
    return model


def _check(kind: Kind) -> None:
    if not isinstance(kind.lane, Lane) and not callable(kind.lane):
        raise DefinitionError(f"{kind.name}: the lane must be one of {', '.join(Lane)}.")
    if kind.time_limit_seconds <= 0:
        raise DefinitionError(f"{kind.name}: the time limit must be above zero.")
    if kind.max_attempts < 1:
        raise DefinitionError(f"{kind.name}: there is at least one attempt.")
    if kind.max_losses < 1:
        raise DefinitionError(f"{kind.name}: at least one attempt may be lost.")
    kind.parameters_model.model_json_schema()  # a parameter without a JSON form fails here
