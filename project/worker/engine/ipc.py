"""Messages between a worker's main process and its worker processes: one pickled value a packet.

They use a pair of sockets that preserves packet boundaries (SOCK_SEQPACKET). The main process sends
orders; worker processes send events and counts. Jobs do not pass through here.

A value too large for a packet goes into shared memory (memfd_create(2)), and its descriptor is
sent.
"""

import os
import pickle
import socket
import sys
from typing import Any

LARGEST_BYTES = 48 * 1024
"""The largest packet. Several fit into a socket's buffer, which Linux limits to about 200 KiB."""
_DESCRIPTOR = b"\x00"  # no pickle begins with this
_ANCILLARY_BYTES = socket.CMSG_SPACE(4)
# Plain integers: combining Python's enum flags takes as long as receiving a packet.
_WAIT = int(socket.MSG_CMSG_CLOEXEC)
_DO_NOT_WAIT = _WAIT | int(socket.MSG_DONTWAIT)


def open_line() -> tuple[socket.socket, socket.socket]:
    """Both ends of a socket pair; use them only with `send` and `receive`."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(line: socket.socket, value: Any, *, wait: bool = True) -> None:
    """Send a value. With `wait=False`, raises BlockingIOError if the buffer is full."""
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
    """The next value; None if there is none and `wait` is false. EOFError: the end is closed."""
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
