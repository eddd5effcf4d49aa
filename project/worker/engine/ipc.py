"""What a worker's main process and its processes send each other: one pickled value a packet.

A line is a pair of sockets that keep packets apart (SOCK_SEQPACKET). Orders go one way; events and
counts come back. No job passes here.

A value that is too large for a packet goes into memory whose descriptor is sent (memfd_create(2)).
"""

import os
import pickle
import socket
import sys
from typing import Any

LARGEST_BYTES = 48 * 1024
"""Of a packet: some fit into a socket's buffer, which Linux limits to about 200 KiB."""
_DESCRIPTOR = b"\x00"  # no pickle begins so
_ANCILLARY_BYTES = socket.CMSG_SPACE(4)
# As plain numbers: to combine them as Python's enumerations takes as long as to receive.
_WAIT = int(socket.MSG_CMSG_CLOEXEC)
_DO_NOT_WAIT = _WAIT | int(socket.MSG_DONTWAIT)


def open_line() -> tuple[socket.socket, socket.socket]:
    """Two ends; each must be used by packets only."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(line: socket.socket, value: Any, *, wait: bool = True) -> None:
    """Send a value; BlockingIOError where there is no room, and nobody waits for it."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    if len(data) <= LARGEST_BYTES:
        line.send(data, 0 if wait else socket.MSG_DONTWAIT)
        return
    descriptor = os.memfd_create("job")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        socket.send_fds(line, [_DESCRIPTOR], [descriptor])
    finally:
        os.close(descriptor)


def receive(line: socket.socket, *, wait: bool) -> Any:
    """The next value; None where there is none, and `wait` is false. EOFError at the end."""
    try:
        flags = _WAIT if wait else _DO_NOT_WAIT
        data, ancillary, _, _ = line.recvmsg(LARGEST_BYTES, _ANCILLARY_BYTES, flags)
    except BlockingIOError:
        return None
    if not data:
        raise EOFError
    return pickle.loads(data if not ancillary else _read_all(ancillary[0][2]))  # noqa: S301 - our own


def _read_all(descriptor_bytes: bytes) -> bytes:
    descriptor = int.from_bytes(descriptor_bytes[:4], sys.byteorder)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        file.seek(0)
        return file.read()
