"""Requests to Elasticsearch or Kibana: JSON both ways, over verified TLS, without a proxy."""

import base64
import json
import ssl
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60
PAUSE_SECONDS = 2.0


class StoreError(Exception):
    """Elasticsearch or Kibana refused or failed a request. The message contains no secret."""


@dataclass(frozen=True)
class Answer:
    """The status and the JSON document; None if there is none."""

    status: int
    document: Any

    @property
    def reason(self) -> str:
        """The error's reason, in one line."""
        found = self.document if isinstance(self.document, dict) else {}
        error = found.get("error")
        if isinstance(error, dict):
            return f"{error.get('type')}: {error.get('reason')}"
        return str(found.get("message") or error or "no reason given")


class Client:
    """A client of one server, as one user. `secrets` are words that no error may contain."""

    def __init__(
        self,
        url: str,
        authority: Path,
        login: tuple[str, str],
        secrets: Collection[str] = (),
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._url = urlsplit(url)
        self._tls = ssl.create_default_context(cafile=str(authority))
        token = base64.b64encode(":".join(login).encode()).decode()
        # Kibana requires kbn-xsrf with each change; Elasticsearch ignores it.
        self._headers = {"Authorization": f"Basic {token}", "kbn-xsrf": "jobs"}
        self._secrets = {*secrets, login[1]}
        self._pause_seconds = pause_seconds

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        accepted: Collection[int] = (),
        content_type: str = "application/json",
    ) -> Answer:
        """Return the response: a status below 300, or one of `accepted`; else raise StoreError."""
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            answer = self._send(method, path, payload, content_type)
        except (OSError, HTTPException) as error:
            raise StoreError(self._scrub(f"{method} {path}: no answer ({error})")) from None
        if answer.status >= 300 and answer.status not in accepted:
            text = f"{method} {path} answered {answer.status}: {answer.reason}"
            raise StoreError(self._scrub(text))
        return answer

    def wait(self, path: str, is_ready: Callable[[Answer], bool], seconds: float) -> None:
        """Wait until the server is ready; after `seconds`, raise StoreError with its last word."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = self.ask("GET", path)
                if is_ready(answer):
                    return
                last = f"GET {path} answered {answer.status}, but the server is not ready"
            except StoreError as error:
                last = str(error)
            if time.monotonic() > deadline:
                raise StoreError(f"not ready after {seconds:g} s; {last}")
            time.sleep(self._pause_seconds)

    def _send(self, method: str, path: str, body: Any, content_type: str) -> Answer:
        host, port = self._url.hostname or "", self._url.port
        connection = HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=self._tls)
        try:
            headers = {**self._headers, "Content-Type": content_type}
            connection.request(method, path, body, headers if body else self._headers)
            response = connection.getresponse()
            return Answer(response.status, _decoded(response.read()))
        finally:
            connection.close()

    def _scrub(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
