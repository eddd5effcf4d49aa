"""Flask as this application uses it, without what it would do at each request for nobody."""

import tempfile
from collections.abc import Callable
from typing import IO, Any, cast

import orjson
from flask import Flask, Request, Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import Headers

from project.errors import UnavailableError
from project.server.services import services

SMALL_BYTES = 512 * 1024
"""A form's file up to this size is read in memory."""


class FormRequest(Request):
    """A request whose form's files lie, until they are taken, where the file store writes."""

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        """Of one file. werkzeug's own would be in `/tmp`, which in a container is memory."""
        staging = str(services().files.staging)
        return cast(IO[bytes], tempfile.SpooledTemporaryFile(SMALL_BYTES, dir=staging))

    def _load_form_data(self) -> None:
        """Read the form; UnavailableError where the disk has no room for its files."""
        try:
            super()._load_form_data()
        except OSError as error:
            raise UnavailableError("The file store") from error


class Application(Flask):
    """Flask without coroutines and sessions; documents keep their written order."""

    request_class = FormRequest

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.json = Json(self)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: Flask would look each time whether it is a coroutine's."""
        return func


class Json(DefaultJSONProvider):
    """Writes with orjson, and what that does not know as Flask does. Reads as Flask does."""

    sort_keys = False

    def dumps(self, obj: Any, **options: Any) -> str:
        """The value as JSON text."""
        try:
            return _dump(obj).decode()
        except TypeError:  # half a surrogate pair, a time: a dead letter may hold anything
            return super().dumps(obj, **options)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """An answer with the value as JSON."""
        value = self._prepare_response_obj(args, kwargs)
        try:
            return Answer(_dump(value), content_type=self.mimetype)
        except TypeError:
            return Answer(self.dumps(value), content_type=self.mimetype)


class Answer(Response):
    """A whole document: its headers are those that it was given.

    werkzeug copies them and goes through the copy for what only other answers may need: a length,
    an address in another alphabet, a status that must not have a body.
    """

    def get_wsgi_headers(self, environ: Any) -> Headers:  # noqa: ARG002 - werkzeug's signature
        """Its headers."""
        return self.headers


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
