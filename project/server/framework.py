"""Flask as this application uses it, without what it would do at each request for nobody."""

from collections.abc import Callable
from typing import Any

import orjson
from flask import Flask, Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import Headers


class Application(Flask):
    """Flask without coroutines and sessions; documents keep their written order."""

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
