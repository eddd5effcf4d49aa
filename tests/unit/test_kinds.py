"""What a kind is, and `@job`, which checks a definition when its module is imported."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from project.errors import (
    DefinitionError,
    InvalidInputError,
    TemporaryError,
    UnavailableError,
    UnknownKindError,
)
from project.jobs import KINDS, NOT_OFFERED, get_kind, load_kinds
from project.kinds.definition import Context, Kind, job
from project.queues import parse_queues

QUEUES = parse_queues("short; long")


class Parameters(BaseModel):
    """Two parameters."""

    size: int = Field(ge=1)
    colour: str = "red"


def resize(parameters: Parameters, context: Context) -> str:
    """A job's function."""
    return f"{parameters.size} {parameters.colour} {context.attempt}"


def define(function: Callable[..., Any] = resize, **changes: Any) -> Kind:
    values: dict[str, Any] = {"title": "Resize", "queue": "short", "time_limit_seconds": 60}
    return job("picture.resize", **values | changes)(function)


def test_kind_runs_its_function() -> None:
    kind = define()

    assert kind.run(kind.parse({"size": 2}), Context(attempt=3)) == "2 red 3"


def choose_queue(parameters: Parameters) -> Literal["short", "long"]:
    return "long" if parameters.size > 9 else "short"


def choose_gpu(parameters: Parameters) -> Literal["short", "gpu"]:
    return "gpu" if parameters.size > 9 else "short"


def test_kind_knows_its_queue() -> None:
    kind = define(queue=choose_queue)

    assert kind.queue_for(kind.parse({"size": 9})) == "short"
    assert kind.queue_for(kind.parse({"size": 10})) == "long"
    assert define(queue="long").queue_for(Parameters(size=1)) == "long"
    assert (kind.queues, define(queue="long").queues) == (("short", "long"), ("long",))


def test_function_that_chooses_the_queue_lists_them_in_its_return_type() -> None:
    """Otherwise nobody could compare them with JOBS_QUEUES before a job needs one."""

    def choose_any(_parameters: Parameters) -> str:
        return "short"

    for choose in (choose_any, lambda _parameters: "short"):
        with pytest.raises(DefinitionError, match=r"picture\.resize: .*return type.*Literal"):
            define(queue=choose)


def test_queue_that_the_return_type_does_not_list_is_no_choice() -> None:
    def choose_wrong(_parameters: Parameters) -> Literal["short"]:
        return "gpu"  # type: ignore[return-value]

    kind = define(queue=choose_wrong)

    with pytest.raises(DefinitionError, match=r"picture\.resize: it chose 'gpu', not 'short'"):
        kind.queue_for(kind.parse({"size": 1}))


@pytest.mark.parametrize(
    "changes",
    [
        {"queue": None},
        {"time_limit_seconds": 0},
        {"max_attempts": 0},
        {"max_losses": 0},
    ],
)
def test_impossible_definition_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match=r"picture\.resize"):
        define(**changes)


def _without_context(parameters: Parameters) -> None: ...


def _with_more(parameters: Parameters, context: Context, more: int) -> None: ...


def _untyped(parameters, context):  # type: ignore[no-untyped-def]  # that is the point
    ...


def _of_a_dict(parameters: dict[str, Any], context: Context) -> None: ...


class _Unspeakable(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    thing: Exception


def _without_json_form(parameters: _Unspeakable, context: Context) -> None: ...


@pytest.mark.parametrize("function", [_without_context, _with_more, _untyped, _of_a_dict])
def test_function_must_take_a_model_and_a_context(function: Callable[..., Any]) -> None:
    with pytest.raises(DefinitionError, match=r"picture\.resize"):
        define(function)


def test_parameters_must_have_a_json_form() -> None:
    with pytest.raises(DefinitionError, match=r"picture\.resize: parameter \w+ has no JSON Schema"):
        define(_without_json_form)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((2, "blue"), {}), ((2,), {"colour": "blue"}), ((), {"size": 2, "colour": "blue"})],
)
def test_call_binds_by_position_and_by_name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    assert define().bind(args, kwargs) == Parameters(size=2, colour="blue")


@pytest.mark.parametrize(
    ("args", "kwargs"), [((1, "blue", 3), {}), ((), {}), (("x",), {}), ((0,), {})]
)
def test_call_that_does_not_fit_is_refused(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        define().bind(args, kwargs)


def test_refusal_names_the_parameter_and_what_is_wrong() -> None:
    with pytest.raises(InvalidInputError, match=r"size: .*greater than or equal to 1") as caught:
        define().parse({"size": 0})

    assert caught.value.field == "size"


@pytest.mark.parametrize("values", [None, [], "size", 7])
def test_parameters_that_are_no_object_are_refused(values: Any) -> None:
    with pytest.raises(InvalidInputError):
        define().parse(values)


def test_retries_wait_twice_as_long_each_time_and_ten_minutes_at_most() -> None:
    kind = define(retry_delay_seconds=5)

    assert [kind.retry_delay(attempt, lambda: 0) for attempt in range(1, 10)] == [
        *[5, 10, 20, 40, 80, 160, 320],
        *[600, 600],
    ]


@pytest.mark.parametrize("seconds", [0, 0.1, 0.5, 1.4, 2.5])
def test_retry_delay_is_whole_seconds_and_at_least_one(seconds: float) -> None:
    """Delayed delivery on quorum queues refuses parts of a second."""
    delay = define(retry_delay_seconds=seconds).retry_delay(1)

    assert isinstance(delay, int)
    assert delay >= 1


def test_jobs_that_failed_together_do_not_come_back_together() -> None:
    kind = define(retry_delay_seconds=100)

    assert [kind.retry_delay(1, iter([chance]).__next__) for chance in (0.0, 0.5, 1.0)] == [
        100,
        112,
        125,
    ]


@pytest.mark.parametrize(
    ("error", "is_temporary"),
    [
        (TemporaryError("no answer"), True),
        (UnavailableError("RabbitMQ"), True),
        (TimeoutError(), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (ConnectionResetError(), False),
        (ValueError(), False),
    ],
)
def test_kind_says_which_errors_may_pass(error: Exception, is_temporary: bool) -> None:
    kind = define(retry_on=(TimeoutError,))

    assert kind.is_temporary(error) is is_temporary


def test_late_attempt_has_a_delay_too() -> None:
    assert define().retry_delay(5000, lambda: 0) == 600


def test_context_without_equipment_says_what_is_missing() -> None:
    context = Context()

    with pytest.raises(DefinitionError, match="no files"):
        context.files.path("x")
    with pytest.raises(DefinitionError, match="no mail server"):
        context.mail.open()
    context.report_progress(1, 2, "nobody watches")


def test_unknown_kind_is_refused_with_the_kinds_there_are() -> None:
    with pytest.raises(UnknownKindError, match=r"'nope'.*create_task") as caught:
        get_kind("nope")

    assert "files.sweep" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_is_found_by_its_name(name: str) -> None:
    assert get_kind(name).name == name


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_tells_its_parameters_as_json_schema(name: str) -> None:
    assert get_kind(name).parameters_model.model_json_schema()["type"] == "object"


MODULE = """
from pydantic import BaseModel
from project.kinds.definition import job

class Nothing(BaseModel):
    pass

def work(parameters: Nothing, context: object) -> None: ...

KINDS = [
    job({name!r}, title="Work", queue="short", time_limit_seconds=1, extra={extra!r})(work)
]
"""


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Writes a module that can be imported during the test."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, content: str) -> str:
        (tmp_path / f"{name}.py").write_text(content)
        return name

    return write


def test_kinds_of_ones_own_are_added(write_module: Callable[[str, str], str]) -> None:
    write_module("kinds_of_ours", MODULE.format(name="our.work", extra=""))
    write_module("kinds_of_theirs", MODULE.format(name="their.work", extra=""))
    kinds = dict(KINDS)

    load_kinds("kinds_of_ours, kinds_of_theirs,", QUEUES, kinds)

    assert kinds.keys() - KINDS.keys() == {"our.work", "their.work"}


def test_kind_of_ones_own_needs_its_extra_too(
    write_module: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("kinds_with_extra", MODULE.format(name="tables.work", extra="tables"))
    monkeypatch.setitem(sys.modules, "polars", None)
    kinds = dict(KINDS)

    load_kinds("kinds_with_extra", QUEUES, kinds)
    with pytest.raises(UnknownKindError, match=r"tables\.work .* the extra tables"):
        get_kind("tables.work")
    NOT_OFFERED.pop("tables.work")

    assert kinds == KINDS


@pytest.mark.parametrize("extra", ["tabels", "s3"])
def test_extra_that_no_kind_can_need_is_refused(
    write_module: Callable[[str, str], str], extra: str
) -> None:
    write_module(f"kinds_with_{extra}", MODULE.format(name="tables.work", extra=extra))

    with pytest.raises(DefinitionError, match=r"tables\.work: the extra must be one of tables, ml"):
        load_kinds(f"kinds_with_{extra}", QUEUES, dict(KINDS))


def test_module_may_be_loaded_again(write_module: Callable[[str, str], str]) -> None:
    """A process may make the web application and the Celery app."""
    write_module("kinds_twice", MODULE.format(name="twice.work", extra=""))
    kinds = dict(KINDS)

    load_kinds("kinds_twice", QUEUES, kinds)
    load_kinds("kinds_twice", QUEUES, kinds)

    assert kinds.keys() - KINDS.keys() == {"twice.work"}


def test_no_module_is_no_kind_more() -> None:
    kinds = dict(KINDS)

    load_kinds("", QUEUES, kinds)

    assert kinds == KINDS


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("kinds_missing_import", "import nowhere_to_be_found", "nowhere_to_be_found"),
        ("kinds_without_list", "", "no list KINDS"),
        ("kinds_of_text", "KINDS = ['create_task']", "no list KINDS"),
        (
            "kinds_repeated",
            MODULE.format(name="create_task", extra=""),
            "create_task, which exists already",
        ),
    ],
)
def test_module_that_cannot_be_used_is_named_with_the_reason(
    write_module: Callable[[str, str], str], name: str, content: str, reason: str
) -> None:
    write_module(name, content)

    with pytest.raises(DefinitionError, match=f"{name}.*{reason}"):
        load_kinds(name, QUEUES, dict(KINDS))


@pytest.mark.parametrize("queue", ["gpu", choose_gpu])
def test_kind_whose_queue_is_not_configured_refuses_to_start(queue: Any) -> None:
    kinds = {"picture.resize": define(queue=queue)}

    with pytest.raises(DefinitionError) as caught:
        load_kinds("", QUEUES, kinds)

    assert str(caught.value) == (
        "Kind picture.resize needs the queue 'gpu', but JOBS_QUEUES has only short, long: "
        "add gpu to JOBS_QUEUES, or give the kind another queue."
    )
    load_kinds("", parse_queues("short; gpu"), kinds)


def test_kind_whose_time_limit_is_above_its_queues_refuses_to_start() -> None:
    kinds = {"picture.resize": define(queue=choose_queue)}

    with pytest.raises(DefinitionError) as caught:
        load_kinds("", parse_queues("short: time_limit_seconds=59; long"), kinds)

    assert str(caught.value) == (
        "Kind picture.resize may take 60 seconds, but JOBS_QUEUES allows 59 in the queue short: "
        "lower the kind's limit, or raise the queue's."
    )
    load_kinds("", parse_queues("short: time_limit_seconds=60; long"), kinds)


def test_module_that_is_not_there_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"JOBS_EXTRA_KINDS names kinds\.of\.nobody"):
        load_kinds("kinds.of.nobody", QUEUES, dict(KINDS))
