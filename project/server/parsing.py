"""What a request holds, as values. Every refusal says what to change."""

import re
from typing import Any

from flask import request
from pydantic import BaseModel, EmailStr, ValidationError
from werkzeug.datastructures import FileStorage

from project.errors import InvalidInputError

OWNER_COOKIE = "browser"
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_OWNER = re.compile(r"[\w-]{22}", re.ASCII)


class _Address(BaseModel):
    email: EmailStr


def read_owner() -> str:
    """The browser's own id, from its cookie; empty where it has none."""
    value = request.cookies.get(OWNER_COOKIE, "")
    return value if _OWNER.fullmatch(value) else ""


def read_json_object() -> dict[str, Any]:
    """The body, which must be a JSON object."""
    if not request.is_json:
        raise InvalidInputError("Send JSON, with the header Content-Type: application/json.")
    try:
        document = request.get_json(silent=True)
    except RecursionError:  # brackets within brackets, thousands deep
        document = None
    if document is None and request.get_data(cache=True).strip() != b"null":
        raise InvalidInputError("The body is not valid JSON.")
    if not isinstance(document, dict):
        raise InvalidInputError("The body must be a JSON object, like {…}.")
    return document


def read_picture() -> FileStorage:
    """The uploaded file of the form field `picture`."""
    if not request.mimetype.startswith("multipart/"):
        raise InvalidInputError("Send a form, with the header Content-Type: multipart/form-data.")
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
            "That is no e-mail address: it must look like name@example.org.", field="email"
        ) from error


def read_idempotency_key() -> str:
    """The header by which a client may repeat a request safely; empty where it sent none."""
    key = request.headers.get("Idempotency-Key", "")
    if key and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidInputError("Idempotency-Key: at most 200 printable ASCII characters.")
    return key


def read_limit(default: int, largest: int) -> int:
    """The query's `limit`: how many to list."""
    text = request.args.get("limit", str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= largest:
        raise InvalidInputError(f"limit must be a number from 1 to {largest}.", field="limit")
    return int(text)
