"""The API's description, OpenAPI 3.1, made from the routes and the documents' models.

`@describe` states beside a route what its signature cannot: what it accepts and what it answers.
This module adds the problems that come with a method or a body, once for all routes.
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
"""The project's version, the same as in setup.cfg."""

JSON, PROBLEM, FORM = "application/json", "application/problem+json", "multipart/form-data"
REFERENCE = "#/components/schemas/{model}"

TAGS = {
    "jobs": "Submit jobs and follow them to their outcome.",
    "live": "Changes as they happen.",
    "queues": "How full the queues are.",
    "schedules": "Jobs at set times.",
    "dead letters": "Dead jobs with their messages: inspect, rerun or discard them.",
    "kinds": "The kinds of jobs that can be submitted.",
    "files": "Uploads for jobs, and files that jobs have made.",
    "sign-ups": "The page's form: a picture and an email address.",
    "tutorial": "The routes of the tutorial that this project grew from.",
    "probes": "For load balancers and monitoring.",
}
PATH_PARAMETERS = {
    "job_id": "A job's id",
    "file_id": "A file's id, from an upload or a job's result",
    "signup_id": "A sign-up's id",
    "task_id": "A job's id",
    "schedule_id": "A schedule's id",
    "letter_id": "A dead letter's id, which is the job's id",
}
IDEMPOTENCY_KEY = {
    "Idempotency-Key": {
        "description": "A key of your choice, new for each job. Makes repeating the request safe",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    }
}
LAST_EVENT_ID = {
    "Last-Event-ID": {
        "description": "The `id` of the last event received: the stream resumes after it",
        "schema": {"type": "string", "pattern": f"^{PLACE}$"},
    }
}
HEADERS = {
    "Location": "The address of the new job, schedule, file or sign-up",
    "Retry-After": "Seconds to wait before trying again",
    "Link": 'The next page, as `<…>; rel="next"`',
    "Allow": "The methods that this address supports",
    "Accept-Ranges": "`bytes`: `Range` may request part of the file",
    "Content-Range": "The part that is sent, as in `bytes 0-499/1234`; with 416 `bytes */1234`",
    "ETag": "Identifies the content, for `If-Range` and `If-None-Match`",
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
    """One possible answer of a route."""

    status: int
    model: Any = None
    """A pydantic model; None if the body is not JSON."""
    text: str = ""
    """What the answer means; empty: the first line of the model's docstring."""
    content_type: str = JSON
    headers: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    """Operations that the answer leads to: operation id to where the answer has the object's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route accepts and answers."""

    summary: str
    tag: str
    answers: tuple[Answer, ...]
    problems: tuple[int, ...] = ()
    query: type[BaseModel] | None = None
    headers: Mapping[str, Mapping[str, Any]]
    body: Any = None
    """A pydantic model, or a function that makes a type adapter."""
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
    """Add a route to the API's description; its docstring becomes the text."""

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
    """The complete OpenAPI document."""
    found = list(find_operations(app))
    schemas = _Schemas(operation for _, _, operation in found)
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, operation in found:
        path = _PARAMETER.sub(r"{\1}", rule.rule)
        described = _describe_operation(rule, method, operation, schemas)
        paths.setdefault(path, {})[method.lower()] = described
    components = {"schemas": schemas.listed()}
    services: Services = app.extensions["services"]
    _list_queues([paths, components], list(services.settings.job_queues))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Jobs",
            "version": VERSION,
            "description": "Runs jobs in background workers and reports their state and results. "
            "Errors are problem documents (RFC 9457).",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "components": components,
    }


def _list_queues(part: Any, names: list[str]) -> None:
    """List the configured queues wherever a schema names a queue."""
    if isinstance(part, dict) and part.get("format") == QUEUE_FORMAT:
        del part["format"]
        part["enum"] = names
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            _list_queues(inner, names)


class _Untitled(GenerateJsonSchema):
    """Omits fields' titles, which only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


class _Schemas:
    """The models' schemas, each defined once, and all made together so that names are unique."""

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
        """The schema, or a reference to it."""
        return self._found[id(model), mode]

    def spell_out(self, model: Any) -> dict[str, Any]:
        """The schema itself; `listed` then leaves it out."""
        name = self.refer(model, "validation")["$ref"].rpartition("/")[2]
        self._spelt_out.add(name)
        schema: dict[str, Any] = self._definitions[name]
        return schema

    def listed(self) -> dict[str, Any]:
        """The schemas that operations refer to."""
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
    """A model's type adapter; the offered kinds are known only when the application is built."""
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
        if known is not form:  # the same status with another content type
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

# The web server itself refuses such a request, before our code runs.
_TOO_LONG = Answer(414, None, "The address is longer than 4,094 bytes.", "text/html")


def _implied_problems(rule: Rule, method: str, operation: Operation) -> Iterator[int]:
    """Problems that any route with this method, path and body may answer."""
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
