"""Flask as this application uses it, without per-request work that nobody needs."""

import tempfile
from collections.abc import Callable
from typing import IO, Any, cast

import orjson
from flask import Flask, Request, Response
from flask.json.provider import DefaultJSONProvider
from gunicorn.http.errors import NoMoreData
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import BaseConverter
from werkzeug.utils import cached_property
from werkzeug.wsgi import get_input_stream

from project.errors import InvalidInputError, UnavailableError
from project.server.services import get_services

SMALL_BYTES = 512 * 1024
"""A form's file up to this size stays in memory."""


_PIECE_BYTES = 64 * 1024


class Body:
    """A complete request body: no longer than the limit, and as long as its Content-Length.

    werkzeug cuts a chunked body at the limit and treats the rest as complete. It leaves checking
    the length to the server, and gunicorn treats the body of a client that disconnected half-way
    as complete.
    """

    def __init__(self, stream: IO[bytes], length: int | None, limit: int | None) -> None:
        self._stream = stream
        self._length = length
        self._limit = limit
        self._received = 0

    def read(self, size: int = -1) -> bytes:
        """Read like a file. RequestEntityTooLarge, or InvalidInputError if the body is cut off."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_PIECE_BYTES), b""))
        if self._length is not None:
            size = min(size, self._length - self._received)
        piece = self._receive(size) if size else b""
        self._received += len(piece)
        if self._limit is not None and self._received > self._limit:
            raise RequestEntityTooLarge
        if not piece and size and self._length is not None and self._received < self._length:
            raise self._cut_off()
        return piece

    def _receive(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except NoMoreData:
            raise self._cut_off() from None
        except OSError:
            raise InvalidInputError("The body could not be read. Send it again.") from None

    def _cut_off(self) -> InvalidInputError:
        if self._length is None:  # gunicorn does not report how much of a cut-off chunk came
            return InvalidInputError("The body was cut off. Send it again.")
        return InvalidInputError(
            f"The body was cut off: {self._received:,} of {self._length:,} bytes arrived. "
            "Send it again."
        )


class WholeRequest(Request):
    """A request that refuses an incomplete body; see `Body`.

    A form's files stay in the file store's staging folder until a route stores them.
    """

    @cached_property
    def stream(self) -> IO[bytes]:
        """The request's body."""
        length, limit = self.content_length, self.max_content_length
        if length is not None and limit is not None and length > limit:
            raise RequestEntityTooLarge
        # `Body` itself stops at the given length; werkzeug's stream takes longer than the body.
        is_known = length is not None
        stream = self.environ["wsgi.input"] if is_known else get_input_stream(self.environ)
        return cast(IO[bytes], Body(stream, length, limit))

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        """A stream for one file. werkzeug would use `/tmp`, which in a container is memory."""
        staging = str(get_services().files.staging)
        return cast(IO[bytes], tempfile.SpooledTemporaryFile(SMALL_BYTES, dir=staging))

    def _load_form_data(self) -> None:
        """Read the form; UnavailableError if the disk has no room for its files."""
        try:
            super()._load_form_data()
        except OSError as error:
            raise UnavailableError("The file store") from error


class IdConverter(BaseConverter):
    """Any text except words with a route in an id's place: `/jobs/bulk` is not a job named bulk."""

    regex = r"(?!(?:bulk|rerun)\Z)[^/]+"
    part_isolating = True  # werkzeug would set False because the regex names a slash


class Application(Flask):
    """Flask without coroutines and sessions; documents keep their fields' order."""

    request_class = WholeRequest

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.json = Json(self)
        self.url_map.converters["id"] = IdConverter

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: Flask would check at every call whether it is a coroutine."""
        return func


class Json(DefaultJSONProvider):
    """Writes with orjson, or as Flask does if orjson cannot. Reads as Flask does."""

    sort_keys = False

    def dumps(self, obj: Any, **options: Any) -> str:
        """The value as JSON text."""
        try:
            return _dump(obj).decode()
        except TypeError:  # half a surrogate pair, a time: a dead letter may hold anything
            return super().dumps(obj, **options)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """A response with the value as JSON."""
        value = self._prepare_response_obj(args, kwargs)
        try:
            return Answer(_dump(value), content_type=self.mimetype)
        except TypeError:
            return Answer(self.dumps(value), content_type=self.mimetype)


class Answer(Response):
    """A complete document, sent with exactly the headers that it was given.

    werkzeug copies the headers and adjusts the copy for cases that only other answers have: a
    missing length, an address in another alphabet, a status that must not have a body.
    """

    def get_wsgi_headers(self, environ: Any) -> Headers:  # noqa: ARG002 - werkzeug's signature
        """The headers as they are."""
        return self.headers


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
