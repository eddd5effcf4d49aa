"""The API's description, OpenAPI 3.1, made from the routes and the documents' models.

`@describe` says beside a route what its signature cannot: what it takes and what it answers. The
problems that a method or a body brings with it are added here, once for all routes.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import cleandoc, isfunction
from typing import Any, TypeVar

from flask import Flask
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from werkzeug.routing import Rule

from project.api.problems import Problem
from project.api.values import QUEUE_FORMAT
from project.ledger.log_line import PLACE
from project.server.services import Services

VERSION = "0.1.0"
"""Of the project, as setup.cfg has it."""

JSON, PROBLEM, FORM = "application/json", "application/problem+json", "multipart/form-data"
REFERENCE = "#/components/schemas/{model}"

TAGS = {
    "jobs": "Hand work over, and see what becomes of it.",
    "live": "Changes as they happen.",
    "queues": "How much there is to do.",
    "schedules": "Jobs at set times.",
    "dead letters": "Jobs that were given up: look at them, run them again, discard them.",
    "kinds": "What can be run.",
    "files": "What jobs have made.",
    "sign-ups": "The page's form: a picture and an address.",
    "tutorial": "The routes of the tutorial that this project grew from.",
    "probes": "For load balancers and monitoring.",
}
PATH_PARAMETERS = {
    "job_id": "A job's id",
    "file_id": "A file's id, from a job's result",
    "signup_id": "A sign-up's id",
    "task_id": "A job's id",
    "schedule_id": "A schedule's id",
    "letter_id": "A dead letter's id: the job's",
}
IDEMPOTENCY_KEY = {
    "Idempotency-Key": {
        "description": "Of your choice, new for each job: makes it safe to repeat the request",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    }
}
LAST_EVENT_ID = {
    "Last-Event-ID": {
        "description": "The `id` of the last event that came: the stream goes on behind it",
        "schema": {"type": "string", "pattern": f"^{PLACE}$"},
    }
}
HEADERS = {
    "Location": "Where the new job, schedule or sign-up is",
    "Retry-After": "Seconds after which another try makes sense",
    "Link": 'The next page, as `<…>; rel="next"`',
    "Allow": "The methods that this address knows",
    "Accept-Ranges": "`bytes`: a part may be asked for with `Range`",
    "Content-Range": "Which part it is, as in `bytes 0-499/1234`; with 416 `bytes */1234`",
    "ETag": "Names the content, for `If-Range` and `If-None-Match`",
}
_ID = "$response.body#/id"
JOB_LINKS = dict.fromkeys(("get_job", "cancel_job", "rerun_job"), _ID)
SIGNUP_LINKS = {"get_signup": _ID}
SCHEDULE_LINKS = dict.fromkeys(("get_schedule", "pause_schedule", "delete_schedule"), _ID)
_ID_OF = {
    **dict.fromkeys(JOB_LINKS, "job_id"),
    **dict.fromkeys(SIGNUP_LINKS, "signup_id"),
    **dict.fromkeys(SCHEDULE_LINKS, "schedule_id"),
}
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which a route answers."""

    status: int
    model: Any = None
    """A pydantic model; None where the body is no JSON."""
    text: str = ""
    """What it means; empty: the model's docstring."""
    content_type: str = JSON
    headers: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    """Operations that what is answered leads to: id of the operation to where its id stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route takes and answers."""

    summary: str
    tag: str
    answers: tuple[Answer, ...]
    problems: tuple[int, ...] = ()
    query: type[BaseModel] | None = None
    headers: Mapping[str, Mapping[str, Any]]
    body: Any = None
    """A pydantic model, or a function that makes the adapter of one."""
    body_type: str = JSON
    is_body_optional: bool = False
    example: Any = None
    text: str = ""


def describe(
    summary: str,
    *answers: Answer,
    tag: str,
    problems: tuple[int, ...] = (),
    query: type[BaseModel] | None = None,
    headers: Mapping[str, Mapping[str, Any]] | None = None,
    body: Any = None,
    body_type: str = JSON,
    is_body_optional: bool = False,
    example: Any = None,
) -> Callable[[View], View]:
    """Put a route into the description; its docstring becomes the text."""

    def attach(view: View) -> View:
        view.openapi = Operation(  # type: ignore[attr-defined]  # read by `build_document`
            summary=summary,
            tag=tag,
            answers=answers,
            problems=problems,
            query=query,
            headers=headers or {},
            body=body,
            body_type=body_type,
            is_body_optional=is_body_optional,
            example=example,
            text=cleandoc(view.__doc__ or ""),
        )
        return view

    return attach


def find_operations(app: Flask) -> Iterator[tuple[Rule, str, Operation]]:
    """Every described route, with its method."""
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "openapi", None)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            if operation is not None and not rule.websocket:
                yield rule, method, operation


def build_document(app: Flask) -> dict[str, Any]:
    """The whole description."""
    found = list(find_operations(app))
    schemas = _Schemas(operation for _, _, operation in found)
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, operation in found:
        path = _PARAMETER.sub(r"{\1}", rule.rule)
        described = _describe_operation(rule, method, operation, schemas)
        paths.setdefault(path, {})[method.lower()] = described
    components = {"schemas": schemas.listed()}
    equipment: Services = app.extensions["services"]
    _list_queues([paths, components], list(equipment.settings.job_queues))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Jobs",
            "version": VERSION,
            "description": "Hands work to background workers, and tells what becomes of it. "
            "Errors are problem documents (RFC 9457).",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "components": components,
    }


def _list_queues(part: Any, names: list[str]) -> None:
    """Wherever a queue is named, say which ones there are: they are configuration."""
    if isinstance(part, dict) and part.get("format") == QUEUE_FORMAT:
        del part["format"]
        part["enum"] = names
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            _list_queues(inner, names)


class _Untitled(GenerateJsonSchema):
    """Without a title for every field, which only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


class _Schemas:
    """The models' schemas, each defined once; made in one go, so that no two share a name."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        wanted = {(id(model), mode): (model, mode) for model, mode in _models(operations)}
        adapters = [(key[0], key[1], _adapt(model)) for key, (model, _) in wanted.items()]
        self._kept_alive = wanted
        self._found, document = TypeAdapter.json_schemas(
            adapters, ref_template=REFERENCE, schema_generator=_Untitled
        )
        self._definitions: dict[str, Any] = document.get("$defs", {})
        self._spelt_out: set[str] = set()

    def refer(self, model: Any, mode: JsonSchemaMode) -> dict[str, Any]:
        """The schema, or where it is."""
        return self._found[id(model), mode]

    def spell_out(self, model: Any) -> dict[str, Any]:
        """The schema itself, which is then not listed."""
        name = self.refer(model, "validation")["$ref"].rpartition("/")[2]
        self._spelt_out.add(name)
        schema: dict[str, Any] = self._definitions[name]
        return schema

    def listed(self) -> dict[str, Any]:
        """Those that are referred to."""
        return {
            name: self._definitions[name]
            for name in sorted(self._definitions.keys() - self._spelt_out)
        }


def _models(operations: Iterable[Operation]) -> Iterator[tuple[Any, JsonSchemaMode]]:
    yield Problem, "serialization"
    for operation in operations:
        for model in (operation.query, operation.body):
            if model is not None:
                yield model, "validation"
        for answer in operation.answers:
            if answer.model is not None:
                yield answer.model, "serialization"


def _adapt(model: Any) -> TypeAdapter[Any]:
    """The kinds that are offered are known only when the application is built."""
    return model() if isfunction(model) else TypeAdapter(model)


def _describe_operation(
    rule: Rule, method: str, operation: Operation, schemas: _Schemas
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "summary": operation.summary,
        "description": operation.text,
        "tags": [operation.tag],
        "parameters": list(_describe_parameters(rule, operation, schemas)),
        "responses": _describe_answers(rule, method, operation, schemas),
    }
    if operation.body is not None:
        content: dict[str, Any] = {"schema": schemas.refer(operation.body, "validation")}
        if operation.example is not None:
            content["example"] = operation.example
        described["requestBody"] = {
            "required": not operation.is_body_optional,
            "content": {operation.body_type: content},
        }
    return described


def _describe_parameters(
    rule: Rule, operation: Operation, schemas: _Schemas
) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(rule.rule):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS[name],
            "schema": {"type": "string", "maxLength": 100},
        }
    query = schemas.spell_out(operation.query) if operation.query else {}
    for name, schema in query.get("properties", {}).items():
        yield {
            "name": name,
            "in": "query",
            "description": schema.get("description", ""),
            "required": name in query.get("required", ()),
            "schema": {key: value for key, value in schema.items() if key != "description"},
        }
    for name, header in operation.headers.items():
        yield {"name": name, "in": "header", "required": False, **header}


def _describe_answers(
    rule: Rule, method: str, operation: Operation, schemas: _Schemas
) -> dict[str, Any]:
    described: dict[str, dict[str, Any]] = {}
    for answer in operation.answers:
        form = _describe_answer(answer, schemas)
        known = described.setdefault(str(answer.status), form)
        if known is not form:  # the same in another form
            known["content"].update(form["content"])
    statuses = {*operation.problems, *_implied_problems(rule, method, operation)}
    for status in sorted(statuses - {answer.status for answer in operation.answers}):
        headers = _PROBLEM_HEADERS.get(status, ())
        text = HTTPStatus(status).phrase
        problem = Answer(status, Problem, text, PROBLEM, headers)
        described[str(status)] = _describe_answer(problem, schemas)
    if operation.query:
        described["414"] = _describe_answer(_TOO_LONG, schemas)
    return dict(sorted(described.items()))


_PROBLEM_HEADERS = {429: ("Retry-After",), 503: ("Retry-After",), 416: ("Content-Range",)}

# The web server itself refuses it, before any code of ours.
_TOO_LONG = Answer(414, None, "The address has more than 4,094 bytes.", "text/html")


def _implied_problems(rule: Rule, method: str, operation: Operation) -> Iterator[int]:
    """What any route of that form may answer."""
    if operation.query or operation.headers or operation.body is not None:
        yield HTTPStatus.BAD_REQUEST
    if rule.arguments:
        yield HTTPStatus.NOT_FOUND
    if method not in {"GET", "HEAD"}:
        yield HTTPStatus.FORBIDDEN  # another site's form
    if method not in _WITHOUT_BODY:
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _describe_answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.text or _first_line(answer.model)}
    if answer.model is not None:
        schema = schemas.refer(answer.model, "serialization")
        described["content"] = {answer.content_type: {"schema": schema}}
    elif answer.content_type != JSON:
        described["content"] = {answer.content_type: {"schema": {"type": "string"}}}
    if answer.headers:
        described["headers"] = {
            name: {"description": HEADERS[name], "schema": {"type": "string"}}
            for name in answer.headers
        }
    if answer.links:
        described["links"] = {
            operation: {"operationId": operation, "parameters": {_ID_OF[operation]: expression}}
            for operation, expression in answer.links.items()
        }
    return described


def _first_line(model: Any) -> str:
    return (model.__doc__ or "").strip().partition("\n")[0]
