"""A stand-in for Elasticsearch: `_bulk` over TLS, as far as a shipper needs it.

It knows one operation, `create`, and answers 409 to an id that it holds, as a data stream does.
"""

import base64
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

Document = dict[str, Any]


Key = tuple[str, str]
"""Stream and id."""


class Store:
    """Serves at one address: `close` refuses connections, `open` takes them again."""

    def __init__(self, certificate: Path, key: Path, login: str) -> None:
        self.documents: dict[Key, Document] = {}
        self.redelivered: Counter[Key] = Counter()
        self.judge: Callable[[str], int] = lambda _id: 201
        """The status of a document by its id; all but 201 are refused."""
        self.status = 200
        """Of all answers; all but 200 are refusals of the whole request."""
        self._requests = 0
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._login = "Basic " + base64.b64encode(login.encode()).decode()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), self, self._tls)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections, and break those that are open."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def silence(self) -> Iterator[Callable[[], bool]]:
        """Store what comes meanwhile, and answer after it; gives: has any come?"""
        before = self._requests
        self._may_answer.clear()
        try:
            yield lambda: self._requests > before
        finally:
            self._may_answer.set()

    def take(self, body: bytes) -> list[dict[str, Any]]:
        """Store what a bulk request holds, and say for each line what became of it."""
        with self._lock:
            items = [self._create(action, document) for action, document in _pairs(body)]
            self._requests += 1
        self._may_answer.wait()
        return items

    def _create(self, action: dict[str, Any], document: Document) -> dict[str, Any]:
        ((operation, target),) = action.items()
        assert operation == "create", action
        assert set(target) <= {"_index", "_id"}, action
        key = target["_index"], target["_id"]
        status = 409 if key in self.documents else self.judge(target["_id"])
        if status == 201:
            self.documents[key] = document
        elif status == 409:
            self.redelivered[key] += 1
        error = {} if status == 201 else {"error": {"type": "refused", "reason": "by the test"}}
        return {"create": {**target, "status": status, **error}}

    def is_known(self, authorization: str | None) -> bool:
        return authorization == self._login

    def keep(self, connection: socket.socket) -> None:
        self._connections.add(connection)

    def forget(self, connection: socket.socket) -> None:
        self._connections.discard(connection)


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], store: Store, tls: ssl.SSLContext) -> None:
        self.store = store
        self._tls = tls
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a handshake must not hold up the others."""
        with suppress(OSError):
            connection = self._tls.wrap_socket(request, server_side=True)
            self.store.keep(connection)
            try:
                super().finish_request(connection, client_address)
            finally:
                self.store.forget(connection)
                connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_HEAD(self) -> None:
        self._answer(self._status(), None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        store = self.server.store
        if self._status() != 200:
            self._answer(self._status(), {"error": "by the test", "status": self._status()})
        elif self.path.partition("?")[0] != "/_bulk":
            self._answer(404, {"error": self.path, "status": 404})
        else:
            items = store.take(body)
            self._answer(
                200, {"errors": any("error" in i["create"] for i in items), "items": items}
            )

    def _status(self) -> int:
        store = self.server.store
        return store.status if store.is_known(self.headers["Authorization"]) else 401

    def _answer(self, status: int, document: object) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _pairs(body: bytes) -> Iterator[tuple[dict[str, Any], Document]]:
    lines = iter(body.split(b"\n"))
    for action in lines:
        if action.strip():
            yield json.loads(action), json.loads(next(lines))
