"""A stand-in for Elasticsearch and Kibana over TLS: notes what it is asked, answers as told."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Elastic:
    """Answers 200 and `{}`, or what `answers` has for a method and path, one after the other."""

    url: str
    requests: list[Request] = field(default_factory=list)
    answers: dict[tuple[str, str], list[tuple[int, Any]]] = field(default_factory=dict)

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(request.method, request.path) for request in self.requests]

    def answer(self, request: Request) -> tuple[int, Any]:
        self.requests.append(request)
        told = self.answers.get((request.method, request.path), [(200, {})])
        return told.pop(0) if len(told) > 1 else told[0]


@contextmanager
def elastic(certificate: Path, key: Path, login: tuple[str, str]) -> Iterator[Elastic]:
    """Serve on a free port until the end; who has another login is answered 401."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    expected = "Basic " + base64.b64encode(":".join(login).encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def answer_it(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, dict(self.headers.items()), body)
            status, document = served.answer(request)
            if self.headers["Authorization"] != expected:
                status, document = 401, {"error": {"type": "security", "reason": "who are you?"}}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        do_GET = answer_it  # noqa: N815 - the names that the standard library asks for
        do_POST = answer_it  # noqa: N815
        do_PUT = answer_it  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    served = Elastic(f"https://localhost:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
