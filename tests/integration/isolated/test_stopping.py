"""A web server keeps its connections, and one that is told to stop keeps nobody hanging."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.integration.isolated.system import IsolatedSystem

MANY = 100
POLL_SECONDS = 3
"""Longer than programs and pages pause that ask again and again."""


def close_code_of(peer: ClientConnection) -> int | None:
    """What the server says at the end."""
    for _ in peer:
        pass
    return peer.close_code


def test_open_sockets_are_told_that_the_server_goes(isolated: IsolatedSystem) -> None:
    """Cut off without a word they would have no close code of the server's.

    They read all the time, as clients do: jobs of other tests may run, and one that does not read
    what is sent to it cannot be told of the end either.
    """
    isolated.start_web()
    with ExitStack() as stack, ThreadPoolExecutor(MANY) as readers:
        address = f"ws://127.0.0.1:{isolated.web_port}/api/v1/socket?scope=all"
        peers = [stack.enter_context(connect(address)) for _ in range(MANY)]
        codes = readers.map(close_code_of, peers)

        isolated.stop_process("web")

        assert set(codes) == {1001}


def test_connection_stays_open_between_two_questions(isolated: IsolatedSystem) -> None:
    """Who asks just as the server ends the connection has no answer."""
    isolated.start_web()
    with socket_of(asked(isolated)) as peer:
        peer.settimeout(POLL_SECONDS)
        with pytest.raises(TimeoutError):
            peer.recv(1)


def test_idle_connections_are_ended_and_the_others_answered(isolated: IsolatedSystem) -> None:
    isolated.start_web()
    upload = HTTPConnection("127.0.0.1", isolated.web_port, timeout=10)
    upload.putrequest("POST", "/api/v1/files")
    upload.putheader("Content-Length", "4")
    upload.endheaders(b"ab")
    with socket_of(asked(isolated)) as idle, isolated.stopping("web"):
        idle.settimeout(10)

        assert idle.recv(1) == b""

        upload.send(b"cd")
        assert upload.getresponse().status == 201
    assert not isolated.log.about("graceful timeout")


def asked(isolated: IsolatedSystem) -> HTTPConnection:
    """A connection that has asked once, and has its answer."""
    connection = HTTPConnection("127.0.0.1", isolated.web_port, timeout=10)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    return connection


def socket_of(connection: HTTPConnection) -> socket.socket:
    """The kept connection itself."""
    assert connection.sock, "the server ended it with its answer"
    return connection.sock
