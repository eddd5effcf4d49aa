"""The WebSocket: the same news as the event stream's, and no open end."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from werkzeug.serving import make_server

from project.ledger import Status
from project.live.events import Inbox, Signal
from project.server import websocket_connection as wire
from tests.builders import a_job
from tests.unit.conftest import ClientMaker
from tests.unit.test_live import NoSignUps, Shelf, change
from tests.waiting import wait_until

JOB = a_job(id="0b7c7a52-6d0e-4ad5-9b59-4f7e3b0c1a11", status=Status.RUNNING, version=3)
OWN, ONE = "/api/v1/socket", f"/api/v1/jobs/{JOB.id}/socket"
DEADLINE_SECONDS = 10


@dataclass
class OpenWire:
    """Stands in for the listener: a test puts messages into the inboxes."""

    inboxes: list[Inbox] = field(default_factory=list)

    @contextmanager
    def listen(self, _channels: Any) -> Iterator[Inbox]:
        inbox = Inbox()
        self.inboxes.append(inbox)
        yield inbox
        self.inboxes.remove(inbox)

    def put(self, message: Any) -> None:
        """To all who listen, once somebody does."""
        wait_until(lambda: self.inboxes, DEADLINE_SECONDS, "a listener")
        for inbox in list(self.inboxes):
            inbox.put(message)


@pytest.fixture
def listener() -> OpenWire:
    return OpenWire()


@pytest.fixture
def open_socket(
    make_client: ClientMaker, listener: OpenWire
) -> Iterator[Callable[..., ClientConnection]]:
    """Opens WebSockets to the application, which a server in this process runs."""
    shelf = Shelf([JOB])
    app = make_client(listener=listener, ledger=shelf, signups=NoSignUps()).application
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def open_at(path: str, **headers: str) -> ClientConnection:
        address = f"ws://127.0.0.1:{server.port}{path}"
        return connect(address, additional_headers={"Cookie": f"browser={'o' * 22}", **headers})

    yield open_at
    listener.inboxes and listener.put(Signal.CLOSE)
    server.shutdown()
    server.server_close()


def read(socket: ClientConnection) -> Any:
    """The next message."""
    return json.loads(socket.recv(DEADLINE_SECONDS))


@pytest.mark.parametrize("path", [OWN, ONE])
def test_state_comes_first_then_the_changes(
    path: str, open_socket: Any, listener: OpenWire
) -> None:
    with open_socket(path) as socket:
        first = read(socket)
        listener.put(change(replace(JOB, version=4)))
        second = read(socket)

    assert [first["event"], second["event"]] == ["job", "job"]
    assert [first["data"]["version"], second["data"]["version"]] == [3, 4]


def test_socket_of_one_job_is_closed_when_the_job_has_ended(
    open_socket: Any, listener: OpenWire
) -> None:
    with open_socket(ONE) as socket:
        listener.put(change(replace(JOB, version=4, status=Status.SUCCEEDED)))

        statuses = [json.loads(message)["data"]["status"] for message in socket]

    assert statuses == ["running", "succeeded"]
    assert socket.close_code == 1000


def test_stopping_web_server_says_goodbye(open_socket: Any, listener: OpenWire) -> None:
    with open_socket(OWN) as socket:
        listener.put(Signal.CLOSE)

        assert [json.loads(message)["event"] for message in socket] == ["job"]
    assert socket.close_code == 1001


def test_peer_that_leaves_is_noticed_at_once(open_socket: Any, listener: OpenWire) -> None:
    with open_socket(OWN) as socket:
        read(socket)
        assert len(listener.inboxes) == 1

    wait_until(lambda: not listener.inboxes, DEADLINE_SECONDS, "the end of the subscription")


def test_silent_peer_is_noticed(
    open_socket: Any, listener: OpenWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not answer pings either: its machine is gone, say."""
    monkeypatch.setattr(wire, "SILENCE_SECONDS", 0.2)
    with open_socket(OWN) as socket:
        read(socket)

        wait_until(lambda: not listener.inboxes, DEADLINE_SECONDS, "the end of the subscription")


def test_peer_is_pinged(
    open_socket: Any, listener: OpenWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "PING_SECONDS", 0)
    heard: list[bytes] = []
    with open_socket(OWN) as socket:
        take = socket.protocol.recv_frame
        socket.protocol.recv_frame = lambda frame: (heard.append(frame.opcode.name), take(frame))
        listener.put(change(replace(JOB, version=4)))
        assert [read(socket)["data"]["version"] for _ in range(2)] == [3, 4]
        wait_until(lambda: "PING" in heard, DEADLINE_SECONDS, "a ping")


def test_what_a_client_says_changes_nothing(open_socket: Any, listener: OpenWire) -> None:
    with open_socket(OWN) as socket:
        read(socket)
        for _ in range(50):
            socket.send("hello " * 100)
        listener.put(change(replace(JOB, version=4)))

        assert read(socket)["data"]["version"] == 4


def test_huge_message_of_a_client_is_refused(open_socket: Any) -> None:
    with open_socket(OWN) as socket, pytest.raises(ConnectionClosed):
        socket.send("x" * 1_000_000)
        while True:
            read(socket)

    assert socket.close_code == 1009


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_page_of_another_site_is_refused(origin: str, open_socket: Any) -> None:
    with pytest.raises(InvalidStatus) as refusal, open_socket(OWN, Origin=origin):
        pass

    assert refusal.value.response.status_code == 403


def test_page_of_ours_is_not_refused(open_socket: Any) -> None:
    """By the address that people know, in case a proxy has changed the Host."""
    with open_socket(OWN, Origin="http://localhost:5004") as socket:
        assert read(socket)["event"] == "job"


def test_unknown_job_is_a_404(open_socket: Any) -> None:
    with pytest.raises(InvalidStatus) as refusal, open_socket("/api/v1/jobs/unknown/socket"):
        pass

    assert refusal.value.response.status_code == 404


@pytest.mark.parametrize("path", [OWN, ONE])
def test_plain_request_is_told_what_is_there(path: str, make_client: ClientMaker) -> None:
    client = make_client(listener=OpenWire(), ledger=Shelf([JOB]), signups=NoSignUps())

    answer = client.get(path)

    assert answer.status_code == 426
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Upgrade"] == "websocket"
