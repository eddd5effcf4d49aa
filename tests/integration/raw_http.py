"""HTTP as bytes on a socket: what no client library would send."""

import json
import socket
from typing import Any


def read_answer(line: socket.socket) -> tuple[int, Any]:
    """Status and document, once the server has closed the connection or sent all of it."""
    content = b""
    while True:
        head, is_whole, body = content.partition(b"\r\n\r\n")
        if is_whole and len(body) >= _read_length(head):
            return int(head.split()[1]), json.loads(body)
        received = line.recv(65536)
        assert received, f"the server closed the connection after {content!r}"
        content += received


def read_head(line: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and headers, their names in small letters."""
    content = b""
    while b"\r\n\r\n" not in content:
        received = line.recv(65536)
        assert received, f"the server closed the connection after {content!r}"
        content += received
    first, *rest = content.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    pairs = (text.partition(":") for text in rest)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


def _read_length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next(int(value) for name, _, value in lines if name == b"content-length")


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def send_until_refused(line: socket.socket, piece: bytes, count: int) -> None:
    """Send the piece so often, unless the server answers before and hangs up."""
    try:
        for _ in range(count):
            line.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        return
