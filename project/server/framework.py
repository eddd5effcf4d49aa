"""Flask as this application uses it, without what it would do at each request for nobody."""

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
from project.server.services import services

SMALL_BYTES = 512 * 1024
"""A form's file up to this size is read in memory."""


_PIECE_BYTES = 64 * 1024


class Body:
    """A request's body, whole: no longer than the limit, and as long as it was said to be.

    werkzeug cuts a body that came in chunks at the limit, and takes it for the whole. How long it
    is werkzeug leaves to the server, and gunicorn ends one of a client that went half-way as if it
    were whole.
    """

    def __init__(self, stream: IO[bytes], length: int | None, limit: int | None) -> None:
        self._stream = stream
        self._length = length
        self._limit = limit
        self._received = 0

    def read(self, size: int = -1) -> bytes:
        """As files read. RequestEntityTooLarge, or InvalidInputError where it was cut off."""
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
        if self._length is None:  # of a chunk that was cut off, gunicorn does not say how much came
            return InvalidInputError("The body was cut off. Send it again.")
        return InvalidInputError(
            f"The body was cut off: {self._received:,} of {self._length:,} bytes came. "
            "Send it again."
        )


class WholeRequest(Request):
    """A request whose body is whole, or refused; see `Body`.

    A form's files lie, until they are taken, where the file store writes.
    """

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body."""
        length, limit = self.content_length, self.max_content_length
        if length is not None and limit is not None and length > limit:
            raise RequestEntityTooLarge
        # `Body` itself reads no more than was said; werkzeug's stream takes longer than the body.
        is_known = length is not None
        stream = self.environ["wsgi.input"] if is_known else get_input_stream(self.environ)
        return cast(IO[bytes], Body(stream, length, limit))

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


class IdConverter(BaseConverter):
    """Any text but the words that stand in an id's place: `/jobs/bulk` is no job called bulk."""

    regex = r"(?!(?:bulk|rerun)\Z)[^/]+"
    part_isolating = True  # werkzeug would not think so, as the slash is named above


class Application(Flask):
    """Flask without coroutines and sessions; documents keep their written order."""

    request_class = WholeRequest

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.json = Json(self)
        self.url_map.converters["id"] = IdConverter

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
