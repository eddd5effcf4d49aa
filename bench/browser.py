"""A client that uses our web server like a browser: a cookie, kept connections, an event stream."""

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

LATE_SECONDS = 30.0


class Browser:
    """One connection for requests."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection = self._connect()
        self.cookie = self._find_cookie()

    def post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Post and return the document of the response; ValueError unless the status is 2xx."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/json"}
        return self._ask("POST", path, json.dumps(document), headers)

    def get(self, path: str) -> dict[str, Any]:
        """Return the document; ValueError unless the status is 2xx."""
        return self._ask("GET", path, None, {"Cookie": self.cookie})

    def open_stream(self) -> "Stream":
        """Open the server-sent events of this browser's jobs."""
        connection = self._connect()
        connection.request("GET", "/api/v1/events", headers={"Cookie": self.cookie})
        return Stream(connection)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address, timeout=LATE_SECONDS)

    def _find_cookie(self) -> str:
        """Get a cookie from the page."""
        self._connection.request("GET", "/")
        answer = self._connection.getresponse()
        answer.read()
        return str(answer.headers["Set-Cookie"]).partition(";")[0]

    def _ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if not 200 <= answer.status < 300:
            raise ValueError(f"{method} {path} answers {answer.status}: {text[:200]!r}")
        document: dict[str, Any] = json.loads(text)
        return document


class Stream:
    """An open event stream."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._response = connection.getresponse()
        self._await_line(b"retry:")  # open, but it may not listen yet: the first event shows

    def await_status(self, job_id: str, statuses: frozenset[str]) -> float:
        """Return the moment (`perf_counter`) of an event with the job in such a status."""
        while True:
            job = json.loads(self._await_line(b"data:").partition(b":")[2])
            if job.get("id") == job_id and job["status"] in statuses:
                return time.perf_counter()

    def close(self) -> None:
        """Leave."""
        self._connection.close()

    def _await_line(self, start: bytes) -> bytes:
        while True:
            line = self._response.readline()
            if line.startswith(start):
                return line
            if not line:
                raise ValueError("The stream has ended.")
