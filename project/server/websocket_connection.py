"""One WebSocket connection, on the socket of a request that gunicorn has read.

`websockets` implements the protocol (RFC 6455) without I/O; this module adds the socket, the lock
and the clock. Two threads use a connection, which gevent makes cheap: the request's thread sends,
another one reads. Messages from the client are ignored, except answers to our pings.
"""

import socket
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from project.server.problems import UpgradeRequired

PING_SECONDS = 15
SILENCE_SECONDS = 45
"""A peer that has sent nothing for this long, not even an answer to a ping, is gone."""
CLOSE_SECONDS = 1
"""How long to wait for a peer's close frame; a stopping web worker has five seconds in all."""
MAX_MESSAGE_BYTES = 4096

_SOCKETS = ("gunicorn.socket", "werkzeug.socket")


class WebSocketConnection:
    """An open connection."""

    def __init__(self, sock: socket.socket, protocol: ServerProtocol) -> None:
        self._socket = sock
        self._protocol = protocol
        self._lock = threading.Lock()
        self._pinged_at = monotonic()
        self._reader: threading.Thread | None = None

    def answer(self, response: Response) -> None:
        """Answer the handshake. No other thread uses the connection yet."""
        self._protocol.send_response(response)
        self._flush()

    def read(self, on_end: Callable[[], None]) -> None:
        """Start to read; calls `on_end` when the peer has disconnected."""
        self._reader = threading.Thread(
            target=self._read, args=(on_end,), name="socket-reader", daemon=True
        )
        self._reader.start()

    def send(self, text: bytes) -> None:
        """Send a message; OSError if the connection is broken."""
        with self._lock:
            if self._protocol.state is OPEN:
                self._protocol.send_text(text)
                self._flush()

    def keep_alive(self) -> None:
        """Ping the peer if a ping is due."""
        if monotonic() - self._pinged_at < PING_SECONDS:
            return
        with self._lock:
            if self._protocol.state is OPEN:
                self._pinged_at = monotonic()
                self._protocol.send_ping(b"")
                self._flush()

    def close(self, code: int) -> None:
        """Send a close frame, wait a moment for the peer's, and shut the connection down."""
        try:
            with self._lock:
                if self._protocol.state is OPEN:
                    self._protocol.send_close(code)
                    self._flush()
            if self._reader:
                self._reader.join(CLOSE_SECONDS)
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the reader
        except OSError:
            pass  # the peer closed first

    def _read(self, on_end: Callable[[], None]) -> None:
        try:
            while data := self._socket.recv(MAX_MESSAGE_BYTES):
                with self._lock:
                    self._protocol.receive_data(data)
                    self._protocol.events_received()  # discarded: clients' messages are ignored
                    self._flush()
                    if self._protocol.close_expected():
                        break
        except OSError:
            pass  # the connection broke or was silent for too long
        finally:
            on_end()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:  # an empty item asks to end the connection, which `close` does
                self._socket.sendall(data)


def accept(environ: Mapping[str, Any]) -> WebSocketConnection:
    """Answer this request's handshake; UpgradeRequired if the request is not a handshake."""
    sock = next((environ[name] for name in _SOCKETS if name in environ), None)
    protocol = ServerProtocol(max_size=MAX_MESSAGE_BYTES)
    protocol.receive_data(_restore(environ))
    requests = [event for event in protocol.events_received() if isinstance(event, Request)]
    if sock is None or not requests:
        raise UpgradeRequired
    response = protocol.accept(requests[0])
    if response.status_code != 101:
        raise UpgradeRequired
    sock.settimeout(SILENCE_SECONDS)
    connection = WebSocketConnection(sock, protocol)
    connection.answer(response)
    return connection


def _restore(environ: Mapping[str, Any]) -> bytes:
    """The original request, as far as the handshake needs it."""
    headers = (
        f"{name.removeprefix('HTTP_').replace('_', '-')}: {value}\r\n"
        for name, value in environ.items()
        if name.startswith("HTTP_") and name.partition("_")[2] in _HANDSHAKE
    )
    method = environ["REQUEST_METHOD"]
    return f"{method} / HTTP/1.1\r\n{''.join(headers)}\r\n".encode("latin-1")


_HANDSHAKE = frozenset(
    {"CONNECTION", "UPGRADE", "HOST", "ORIGIN"}
    | {"SEC_WEBSOCKET_KEY", "SEC_WEBSOCKET_VERSION", "SEC_WEBSOCKET_PROTOCOL"}
)
