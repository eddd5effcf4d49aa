"""How a process hears of changes: one subscription, many listeners, nothing missed."""

import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest
from redis import ConnectionError as RedisConnectionError

from project.live import events
from project.live.events import BACKLOG_LIMIT, Inbox, Listener, Signal
from tests.waiting import wait_until

DEADLINE_SECONDS = 10


class Subscription:
    """Redis's side of one subscription: confirms every channel, and breaks when it is told to."""

    def __init__(self) -> None:
        self.channels: list[str] = []
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def subscribe(self, channel: str) -> None:
        self.channels.append(channel)
        self._messages.put({"type": "subscribe", "channel": channel, "data": 1})

    def unsubscribe(self, channel: str) -> None:
        self.channels.remove(channel)

    def get_message(self, timeout: float) -> dict[str, Any] | None:
        try:
            message = self._messages.get(timeout=timeout)
        except queue.Empty:
            return None
        if message is None:
            raise RedisConnectionError("broken")
        return message

    def publish(self, channel: str, text: str) -> None:
        self._messages.put({"type": "message", "channel": channel, "data": text})

    def break_down(self) -> None:
        self._messages.put(None)


class Server:
    """Redis, as far as a listener asks it."""

    def __init__(self) -> None:
        self.subscriptions: list[Subscription] = []

    def pubsub(self) -> Subscription:
        self.subscriptions.append(Subscription())
        return self.subscriptions[-1]

    @property
    def current(self) -> Subscription:
        return self.subscriptions[-1]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def listener(server: Server) -> Any:
    listener = Listener(server)  # type: ignore[arg-type]
    yield listener
    listener.close()


def next_change(inbox: Inbox) -> Any:
    """The next message but for RESYNC, which may come at any time."""
    while True:
        message = inbox.get(DEADLINE_SECONDS)
        if message is not Signal.RESYNC:
            return message


def finishes(action: Callable[[], None]) -> bool:
    """Whether the action comes to its end within the deadline."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(DEADLINE_SECONDS)
    return not thread.is_alive()


def test_listener_hears_its_channel_and_no_other(server: Server, listener: Listener) -> None:
    with listener.listen(["a"]) as inbox:
        server.current.publish("b", "not for us")
        server.current.publish("a", "for us")

        assert next_change(inbox) == ("a", "for us")


def test_messages_come_in_order(server: Server, listener: Listener) -> None:
    with listener.listen(["a"]) as inbox:
        for number in range(50):
            server.current.publish("a", str(number))

        assert [next_change(inbox)[1] for _ in range(50)] == [str(n) for n in range(50)]


def test_all_listeners_of_a_channel_share_one_subscription(
    server: Server, listener: Listener
) -> None:
    with listener.listen(["a"]) as one, listener.listen(["a"]) as other:
        server.current.publish("a", "x")

        assert next_change(one) == next_change(other) == ("a", "x")
        assert len(server.subscriptions) == 1
        assert server.current.channels.count("a") == 1


def test_listening_begins_as_soon_as_redis_has_confirmed(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of a process too, whose channel is joined by the thread that it starts."""
    monkeypatch.setattr(events, "_SUBSCRIBE_SECONDS", 10 * DEADLINE_SECONDS)

    def listen() -> None:
        with listener.listen(["a", "b"]):
            pass

    assert finishes(listen)
    assert finishes(listen)


def test_last_listener_to_leave_ends_the_subscription(server: Server, listener: Listener) -> None:
    with listener.listen(["a"]):
        with listener.listen(["a"]):
            pass
        assert "a" in server.current.channels

    assert "a" not in server.current.channels


def test_lost_connection_makes_listeners_read_the_state_again(
    server: Server, listener: Listener
) -> None:
    with listener.listen(["a"]) as inbox:
        wait_until(lambda: inbox.get(1) is Signal.RESYNC, DEADLINE_SECONDS, "the first RESYNC")

        server.current.break_down()

        assert inbox.get(DEADLINE_SECONDS) is Signal.RESYNC
        server.current.publish("a", "after")
        assert next_change(inbox) == ("a", "after")
        assert len(server.subscriptions) == 2


@pytest.mark.parametrize("channels", [["a"], []])
def test_closing_ends_every_listener_and_those_to_come(
    listener: Listener, channels: list[str]
) -> None:
    """One without a channel too: the stream of a visitor who has submitted nothing yet."""
    with listener.listen(channels) as inbox:
        listener.close()
        assert next_change(inbox) is Signal.CLOSE

    with listener.listen(channels) as late:
        assert next_change(late) is Signal.CLOSE


def test_slow_listener_is_told_to_read_the_state_again() -> None:
    inbox = Inbox()

    for number in range(BACKLOG_LIMIT + 1):
        inbox.put(("a", str(number)))

    assert inbox.get(0.1) is Signal.RESYNC
    assert inbox.get(0.1) is None


def test_slow_listener_is_still_told_to_close() -> None:
    inbox = Inbox()
    for number in range(BACKLOG_LIMIT):
        inbox.put(("a", str(number)))

    inbox.put(Signal.CLOSE)

    assert inbox.get(0.1) is Signal.CLOSE


def test_inbox_without_a_message_says_so() -> None:
    assert Inbox().get(0.01) is None
