"""Turns requests into values. Every refusal says what to change."""

import re
from typing import Any, TypeVar, get_origin

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import FileStorage

from project.api.signups import SignUpForm
from project.errors import InvalidInputError, MissingFileError, NotFoundError
from project.jobs.email_send.addresses import Address
from project.json_values import check_json, parse_json
from project.kinds.files import list_files
from project.ledger.log_line import PLACE
from project.server.services import get_services

OWNER_COOKIE = "browser"
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_OWNER = re.compile(r"[\w-]{22}", re.ASCII)


Document = TypeVar("Document", bound=BaseModel)


class _Address(BaseModel):
    email: Address


def read_owner() -> str:
    """The browser's id from its cookie; empty if it has none."""
    if OWNER_COOKIE not in request.environ.get("HTTP_COOKIE", ""):
        return ""  # programs send no cookies, so there is nothing to parse
    value = request.cookies.get(OWNER_COOKIE, "")
    return value if _OWNER.fullmatch(value) else ""


def read_json_object() -> dict[str, Any]:
    """The body, which must be a JSON object with storable values."""
    document = _parse_json_object()
    check_json(document)
    return document


def _parse_json_object() -> dict[str, Any]:
    if not request.is_json:
        raise InvalidInputError("Send JSON, with the header Content-Type: application/json.")
    document = parse_json(request.get_data())
    if not isinstance(document, dict):
        raise InvalidInputError("The body must be a JSON object, like {…}.")
    return document


def read_picture() -> FileStorage:
    """The uploaded file of the form field `picture`."""
    if not request.mimetype.startswith("multipart/"):
        raise InvalidInputError("Send a form, with the header Content-Type: multipart/form-data.")
    for name in {*request.form, *request.files} - SignUpForm.model_fields.keys():
        raise InvalidInputError(f"There is no field {name!r} in this form.", field=name)
    picture = request.files.get("picture")
    if picture is None or not picture.filename:
        raise InvalidInputError("Choose a picture.", field="picture")
    return picture


def read_email() -> str:
    """The form field `email`, as a valid address."""
    try:
        return _Address(email=request.form.get("email", "")).email
    except ValidationError as error:
        raise InvalidInputError(
            "Enter a valid email address, like name@example.org.", field="email"
        ) from error


def read_idempotency_key() -> str:
    """The header that makes repeating a request safe; empty if the client sent none."""
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidInputError(
            "Idempotency-Key must be 1 to 200 printable ASCII characters without blanks."
        )
    return key or ""


def read_last_event_id() -> str:
    """The header with which an interrupted stream resumes; empty if the client sent none."""
    place = request.headers.get("Last-Event-ID", "")
    if place and not re.fullmatch(PLACE, place):
        raise InvalidInputError("Last-Event-ID must be the id of a log line.")
    return place


def read_body(model: type[Document]) -> Document:
    """The JSON body as this model."""
    return check(model, read_json_object())


def read_body_of_many(model: type[Document]) -> Document:
    """The JSON body as this model, for routes that check each item separately with `check_json`."""
    return check(model, _parse_json_object())


def read_optional_body(model: type[Document]) -> Document:
    """The JSON body as this model; an empty body means the model's defaults."""
    return read_body(model) if request.get_data(cache=True) else check(model, {})


def check_files(parameters: Any) -> None:
    """MissingFileError if a file in the parameters does not exist: the job would fail later."""
    for path, file_id in _list_files(parameters):
        try:
            get_services().files.size(file_id)
        except NotFoundError:
            sentence = f"There is no file {file_id}; it may have expired. Upload it first."
            raise MissingFileError(sentence, field=path) from None


def _list_files(parameters: Any) -> list[tuple[str, str]]:
    try:
        return list(list_files(parameters))
    except RecursionError:
        raise InvalidInputError("parameters: nested too deeply.", field="parameters") from None


def read_query(model: type[Document]) -> Document:
    """The URL's query. A list may be repeated or have commas; other fields may appear once."""
    values: dict[str, Any] = {}
    for name, texts in request.args.lists():
        field = model.model_fields.get(name)
        if field is not None and get_origin(field.annotation) is list:
            values[name] = [part for text in texts for part in text.split(",")]
        elif len(texts) == 1:
            values[name] = texts[0]
        else:
            raise InvalidInputError(f"{name} may appear only once.", field=name)
    return check(model, values)


def check(model: type[Document], values: Any) -> Document:
    """The values as this model; InvalidInputError names the first invalid field."""
    try:
        return model.model_validate(values, context={"queues": get_services().settings.job_queues})
    except ValidationError as error:
        # Not chained: pydantic's error repeats the values, which may be private.
        raise _explain(model, error) from None


def _explain(model: type[BaseModel], error: ValidationError) -> InvalidInputError:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "body"
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        known = ", ".join(model.model_fields)
        return InvalidInputError(f"There is no field {name!r} here. Known: {known}.", field=name)
    if first["type"] == "missing":
        return InvalidInputError(f"{name} is missing.", field=name)
    return InvalidInputError(f"{name}: {first['msg'].rstrip('.')}.", field=name)
