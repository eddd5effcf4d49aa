"""Publishing, beside a broker of the test's own that answers as the test decides."""

import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from amqp.exceptions import (  # type: ignore[import-untyped]  # py-amqp ships no types
    AMQPError,
    Blocked,
    MessageNacked,
)
from amqp.serialization import dumps, loads  # type: ignore[import-untyped]

from project.broker.message import Message, make_message
from project.broker.publisher import Publisher
from project.broker.publisher.content import Content
from project.broker.publisher.flight import KEPT
from project.errors import UnavailableError
from tests.builders import a_job, a_trace, an_unused_port
from tests.waiting import wait_until

# No test waits so long, unless what it promises is broken.
LONG = 30.0
# What has to come at once, on a slow machine.
SOON = 10.0

METHOD = 1
PUBLISH = (60, 40)
Answer = Callable[["Talk", int], None]


def method(sig: tuple[int, int], types: str = "", *values: Any, channel: int = 1) -> bytes:
    """A method frame."""
    return frame(METHOD, channel, struct.pack(">HH", *sig) + dumps(types, values))


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def ack(tag: int, *, multiple: bool = False) -> bytes:
    return method((60, 80), "Lb", tag, multiple)


def nack(tag: int) -> bytes:
    return method((60, 120), "Lb", tag, False)


def returned(message: Message) -> bytes:
    """`basic.return`: its content's header has the one property that is looked at."""
    place = (312, "NO_ROUTE", message.exchange, message.routing_key)
    header = struct.pack(">HHQH", 60, 0, 0, 0x0400) + dumps("s", (message.job_id,))
    return method((60, 50), "Bsss", *place) + frame(2, 1, header)


BLOCKED = method((10, 60), "s", "low on memory", channel=0)
UNBLOCKED = method((10, 61), channel=0)


class Talk:
    """One connection, as the broker has it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # What is said is heard at once: the system would hold it back until the last was received.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tag = 0

    def say(self, *frames: bytes) -> None:
        self._connection.sendall(b"".join(frames))

    def end(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)

    def serve(self, broker: "Broker") -> None:
        """Answer until the other side has gone."""
        self._read(8)
        self.say(method((10, 10), "ooFSS", 0, 9, CAPABILITIES, "PLAIN", "en_US", channel=0))
        while True:
            kind, _channel, size = struct.unpack(">BHI", self._read(7))
            payload = self._read(size + 1)[:-1]
            if kind == METHOD:
                self._answer(broker, struct.unpack(">HH", payload[:4]), payload)

    def _answer(self, broker: "Broker", sig: tuple[int, int], payload: bytes) -> None:
        if sig == PUBLISH:
            self._tag += 1
            broker.published.append(loads("Bssbb", payload, 4)[0][2])
            broker.answer(self, self._tag)
        elif sig == (10, 11):
            broker.announced.append(loads("F", payload, 4)[0][0])
            self.say(method((10, 30), "BlB", 100, 131072, 0, channel=0))
        elif sig in REPLIES:
            self.say(REPLIES[sig])

    def _read(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            piece = self._connection.recv(size - len(content))
            if not piece:
                raise ConnectionError
            content += piece
        return content


CAPABILITIES = {"capabilities": {"publisher_confirms": True, "connection.blocked": True}}
REPLIES = {
    (10, 40): method((10, 41), "s", "", channel=0),
    (20, 10): method((20, 11), "S", ""),
    (85, 10): method((85, 11)),
}


class Broker:
    """Speaks as much AMQP as a publisher hears; `answer` decides what a message comes to."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.published: list[str] = []
        """Routing keys, in the order they came."""
        self.announced: list[dict[str, Any]] = []
        """What each connection has said of itself."""
        self.talks: list[Talk] = []
        self.finished = 0
        """Connections that the other side has closed."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"amqp://jobs:x@127.0.0.1:{self._listener.getsockname()[1]}/jobs"

    def close(self) -> None:
        self._listener.close()
        for talk in self.talks:
            with suppress(OSError):
                talk.end()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                talk = Talk(self._listener.accept()[0])
                self.talks.append(talk)
                threading.Thread(target=self._serve, args=(talk,), daemon=True).start()

    def _serve(self, talk: Talk) -> None:
        with suppress(OSError):
            talk.serve(self)
        self.finished += 1


@contextmanager
def a_broker(answer: Answer) -> Iterator[Broker]:
    broker = Broker(answer)
    try:
        yield broker
    finally:
        broker.close()


def take(talk: Talk, tag: int) -> None:
    """Confirm each message."""
    talk.say(ack(tag))


def ignore(talk: Talk, tag: int) -> None:
    """Say nothing."""


def a_message(**changes: Any) -> Message:
    return replace(make_message(a_job(), a_trace()), **changes)


def cause(outcome: UnavailableError | None) -> BaseException | None:
    assert isinstance(outcome, UnavailableError)
    assert outcome.dependency == "RabbitMQ"
    return outcome.__cause__


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    asked_at = monotonic()
    yield
    assert monotonic() - asked_at < seconds


class InterruptionError(Exception):
    """Like a time limit."""


@contextmanager
def interruptible() -> Iterator[None]:
    def interrupt(_signal: int, _frame: Any) -> None:
        raise InterruptionError

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def interrupt_the_main_thread() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def nowhere() -> str:
    return f"amqp://jobs:x@127.0.0.1:{an_unused_port()}/jobs"


def test_confirmed_message_is_confirmed() -> None:
    with a_broker(take) as broker:
        publisher = Publisher(broker.url, "test")

        outcomes = publisher.publish([a_message(routing_key="a"), a_message(routing_key="b")], LONG)

    assert outcomes == [None, None]
    assert broker.published == ["a", "b"]


def test_nothing_to_publish_is_published_at_once() -> None:
    assert Publisher(nowhere(), "test").publish([], LONG) == []


def test_one_confirm_may_speak_for_many() -> None:
    def take_three(talk: Talk, tag: int) -> None:
        if tag % 3 == 0:
            talk.say(ack(tag, multiple=True))

    with a_broker(take_three) as broker:
        outcomes = Publisher(broker.url, "test").publish([a_message() for _ in range(6)], LONG)

    assert outcomes == [None] * 6


def test_each_message_has_its_own_outcome() -> None:
    def refuse_the_second(talk: Talk, tag: int) -> None:
        talk.say(nack(tag) if tag == 2 else ack(tag))

    with a_broker(refuse_the_second) as broker:
        outcomes = Publisher(broker.url, "test").publish([a_message() for _ in range(3)], LONG)

    assert [outcomes[0], outcomes[2]] == [None, None]
    assert isinstance(cause(outcomes[1]), MessageNacked)


def test_message_that_is_given_back_is_not_confirmed_by_the_ack_that_follows() -> None:
    lost, taken = a_message(routing_key="nowhere"), a_message()

    def return_the_first(talk: Talk, tag: int) -> None:
        talk.say(*([returned(lost)] if tag == 1 else []), ack(tag))

    with a_broker(return_the_first) as broker:
        outcomes = Publisher(broker.url, "test").publish([lost, taken], LONG)

    assert isinstance(cause(outcomes[0]), AMQPError)
    assert outcomes[1] is None


def test_answer_that_comes_in_pieces_is_understood() -> None:
    def stammer(talk: Talk, tag: int) -> None:
        for byte in ack(tag):
            talk.say(bytes([byte]))

    with a_broker(stammer) as broker:
        assert Publisher(broker.url, "test").publish([a_message()], LONG) == [None]


def test_large_message_goes_out_in_several_frames() -> None:
    with a_broker(take) as broker:
        publisher = Publisher(broker.url, "test")

        assert publisher.publish([a_message(body=b"x" * 300_000), a_message()], LONG) == [None] * 2


def test_one_caller_after_the_other_uses_the_same_connection() -> None:
    with a_broker(take) as broker:
        publisher = Publisher(broker.url, "test")

        assert [publisher.publish([a_message()], LONG) for _ in range(3)] == [[None]] * 3

    assert len(broker.talks) == 1


def test_connections_that_only_a_crowd_needs_are_closed_after_it() -> None:
    with a_broker(take) as broker:
        publisher = Publisher(broker.url, "test")
        with ExitStack() as crowd:
            flights = [
                crowd.enter_context(publisher.send([Content(a_message(), is_mandatory=True)]))
                for _ in range(KEPT + 2)
            ]
            for flight in flights:
                flight.wait(monotonic() + LONG)

        wait_until(lambda: broker.finished == 2, SOON)
        assert publisher.publish([a_message()], LONG) == [None]

    assert [flight.outcomes for flight in flights] == [[None]] * (KEPT + 2)
    assert len(broker.talks) == KEPT + 2


def test_small_order_does_not_wait_for_a_large_one() -> None:
    """Of the large one nothing has been confirmed when the small one is, sent after it."""
    results: dict[str, list[UnavailableError | None]] = {}
    with a_broker(ignore) as broker:
        publisher = Publisher(broker.url, "test")

        def publish(name: str, count: int) -> None:
            messages = [a_message(routing_key=name) for _ in range(count)]
            results[name] = publisher.publish(messages, LONG)

        threads = [threading.Thread(target=publish, args=("large", 200))]
        threads[0].start()
        wait_until(lambda: len(broker.published) == 200, LONG)
        broker.answer = take
        threads.append(threading.Thread(target=publish, args=("small", 1)))
        threads[1].start()
        threads[1].join()
        assert "large" not in results
        broker.talks[0].say(ack(200, multiple=True))
        threads[0].join()

    assert results == {"small": [None], "large": [None] * 200}


def test_silent_broker_costs_no_more_than_the_time_that_was_given() -> None:
    with a_broker(ignore) as broker:
        publisher = Publisher(broker.url, "test")

        with answered_within(SOON):
            outcomes = publisher.publish([a_message()], timeout_seconds=0.3)

    assert isinstance(cause(outcomes[0]), TimeoutError)


def test_what_was_confirmed_in_time_counts_although_the_rest_was_not() -> None:
    def take_the_first(talk: Talk, tag: int) -> None:
        if tag == 1:
            take(talk, tag)

    with a_broker(take_the_first) as broker:
        outcomes = Publisher(broker.url, "test").publish([a_message(), a_message()], 0.5)

    assert outcomes[0] is None
    assert isinstance(cause(outcomes[1]), TimeoutError)


def test_broker_that_fell_silent_is_called_anew() -> None:
    """So its late confirm of one message cannot be taken for that of another."""

    def be_silent_at_first(talk: Talk, tag: int) -> None:
        if talk is not broker.talks[0]:
            take(talk, tag)

    with a_broker(be_silent_at_first) as broker:
        publisher = Publisher(broker.url, "test")

        wait_until(lambda: publisher.publish([a_message()], 0.3) == [None], LONG)

    assert len(broker.talks) == 2


def test_impatient_caller_does_not_cost_others_a_connection_that_works() -> None:
    """One queue may be slow while the others are not."""

    def take_all_but_slow(talk: Talk, tag: int) -> None:
        if broker.published[-1] != "slow":
            take(talk, tag)

    with a_broker(take_all_but_slow) as broker:
        publisher = Publisher(broker.url, "test")
        for _ in range(3):
            outcomes = publisher.publish([a_message(routing_key="slow"), a_message()], 0.3)
            assert outcomes[1] is None
            assert isinstance(cause(outcomes[0]), TimeoutError)

        assert publisher.publish([a_message()], LONG) == [None]

    assert len(broker.talks) == 1


def test_connection_that_ends_before_the_confirm_fails_the_message_at_once() -> None:
    def leave(talk: Talk, _tag: int) -> None:
        talk.end()

    with a_broker(leave) as broker, answered_within(SOON):
        outcomes = Publisher(broker.url, "test").publish([a_message(), a_message()], LONG)

    assert all(isinstance(cause(outcome), OSError) for outcome in outcomes)


def test_message_that_was_in_flight_is_not_sent_again() -> None:
    def leave_once(talk: Talk, tag: int) -> None:
        broker.answer = take
        talk.end()

    with a_broker(leave_once) as broker:
        publisher = Publisher(broker.url, "test")
        publisher.publish([a_message(routing_key="lost")], LONG)

        assert publisher.publish([a_message(routing_key="next")], LONG) == [None]

    assert broker.published == ["lost", "next"]


def test_connection_that_ended_unused_is_not_noticed() -> None:
    with a_broker(take) as broker:
        publisher = Publisher(broker.url, "test")
        publisher.publish([a_message()], LONG)
        broker.talks[0].end()

        assert publisher.publish([a_message()], LONG) == [None]

    assert len(broker.talks) == 2


def test_broker_that_says_goodbye_is_called_anew() -> None:
    with a_broker(take) as broker:
        publisher = Publisher(broker.url, "test")
        publisher.publish([a_message()], LONG)
        broker.talks[0].say(method((10, 50), "BsBB", 320, "CONNECTION_FORCED", 0, 0, channel=0))

        assert publisher.publish([a_message()], LONG) == [None]


def test_broker_that_is_short_of_memory_is_no_reason_to_wait() -> None:
    def block(talk: Talk, _tag: int) -> None:
        talk.say(BLOCKED)

    with a_broker(block) as broker, answered_within(SOON):
        publisher = Publisher(broker.url, "test")

        first = publisher.publish([a_message()], LONG)
        second = publisher.publish([a_message()], LONG)

    assert isinstance(cause(first[0]), Blocked)
    assert isinstance(cause(second[0]), Blocked)
    assert len(broker.published) == 1, "nothing more is sent to a broker that takes nothing"
    assert broker.announced[0]["capabilities"]["connection.blocked"]


def test_shortage_that_is_over_is_over() -> None:
    """On the same connection: RabbitMQ does not notice the end of one that it has blocked."""

    def block(talk: Talk, _tag: int) -> None:
        talk.say(BLOCKED)

    with a_broker(block) as broker:
        publisher = Publisher(broker.url, "test")
        publisher.publish([a_message()], LONG)
        broker.answer = take

        # The first message is confirmed now, but its caller has been told otherwise.
        broker.talks[0].say(UNBLOCKED, ack(1))

        wait_until(lambda: publisher.publish([a_message()], LONG) == [None], LONG)

    assert len(broker.talks) == 1


def test_message_that_nobody_waits_for_is_not_sent() -> None:
    with a_broker(take) as broker:
        publisher = Publisher(broker.url, "test")

        publisher.publish([a_message(routing_key="late")], timeout_seconds=0)
        publisher.publish([a_message(routing_key="in time")], LONG)

    assert broker.published == ["in time"]


def test_message_that_cannot_be_encoded_is_its_callers_fault() -> None:
    with a_broker(take) as broker:
        publisher = Publisher(broker.url, "test")

        with pytest.raises(AMQPError):
            publisher.publish([a_message(), a_message(headers={"job": object()})], LONG)

        assert publisher.publish([a_message()], LONG) == [None]

    assert len(broker.published) == 1


def test_caller_who_is_interrupted_concerns_no_other() -> None:
    outcomes: list[UnavailableError | None] = []
    with a_broker(ignore) as broker:
        publisher = Publisher(broker.url, "test")

        def publish() -> None:
            wait_until(lambda: len(broker.published) == 1, LONG)
            outcomes.extend(publisher.publish([a_message()], LONG))

        def interrupt() -> None:
            wait_until(lambda: len(broker.published) == 2, LONG)
            interrupt_the_main_thread()

        threads = [threading.Thread(target=run) for run in (publish, interrupt)]
        with interruptible(), pytest.raises(InterruptionError):
            for thread in threads:
                thread.start()
            publisher.publish([a_message()], LONG)
        broker.talks[1].say(ack(1))
        for thread in threads:
            thread.join()

    assert outcomes == [None]


def test_line_is_dropped_when_a_caller_is_interrupted_in_the_middle_of_a_message() -> None:
    goes_on = threading.Event()

    def read_no_further(_talk: Talk, _tag: int) -> None:
        goes_on.wait(LONG)

    with a_broker(read_no_further) as broker:
        publisher = Publisher(broker.url, "test")
        messages = [a_message(), a_message(body=b"x" * 50_000_000)]

        def interrupt() -> None:
            wait_until(lambda: len(broker.published) == 1, LONG)
            interrupt_the_main_thread()

        with interruptible(), pytest.raises(InterruptionError):
            threading.Thread(target=interrupt).start()
            publisher.publish(messages, LONG)
        broker.answer = take
        goes_on.set()

        assert publisher.publish([a_message()], LONG) == [None]

    assert len(broker.talks) == 2


def test_nonsense_from_the_broker_does_not_end_the_publisher() -> None:
    """py-amqp fails with a KeyError at a channel that it has not opened."""

    def talk_nonsense(talk: Talk, _tag: int) -> None:
        broker.answer = take
        talk.say(method((60, 80), "Lb", 1, False, channel=99))

    with a_broker(talk_nonsense) as broker, answered_within(SOON):
        publisher = Publisher(broker.url, "test")

        outcomes = publisher.publish([a_message()], LONG)

        assert isinstance(cause(outcomes[0]), KeyError)
        assert publisher.publish([a_message()], LONG) == [None]


def test_forked_process_publishes_over_a_connection_of_its_own() -> None:
    with a_broker(take) as broker:
        publisher = Publisher(broker.url, "test")
        publisher.publish([a_message()], LONG)

        child = os.fork()
        if not child:
            status = 1
            try:
                status = 0 if publisher.publish([a_message()], LONG) == [None] else 1
            finally:
                os._exit(status)

        assert os.waitpid(child, 0)[1] == 0
        assert publisher.publish([a_message()], LONG) == [None]
    assert len(broker.talks) == 2


def test_broker_that_is_not_there_is_unavailable() -> None:
    publisher = Publisher(nowhere(), "test")

    with answered_within(SOON):
        outcomes = publisher.publish([a_message(), a_message()], LONG)
        with pytest.raises(UnavailableError, match="RabbitMQ"):
            publisher.check(["short"], LONG)
        with pytest.raises(UnavailableError, match="RabbitMQ"):
            publisher.depths(["short"], LONG)

    assert all(isinstance(cause(outcome), ConnectionRefusedError) for outcome in outcomes)


def test_broker_that_hangs_before_it_has_said_a_word_is_unavailable_in_time() -> None:
    """A process that is stopped: the system takes connections for it, and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        publisher = Publisher(f"amqp://jobs:x@127.0.0.1:{listener.getsockname()[1]}/jobs", "test")

        with answered_within(SOON):
            outcomes = publisher.publish([a_message()], timeout_seconds=0.3)
            with pytest.raises(UnavailableError):
                publisher.check(["short"], timeout_seconds=0.3)
            with pytest.raises(UnavailableError):
                publisher.depths(["short"], timeout_seconds=0.3)

    assert isinstance(cause(outcomes[0]), TimeoutError)


def test_broker_that_greets_with_nonsense_is_unavailable() -> None:
    greeted: list[socket.socket] = []  # kept: one that is collected ends
    with socket.create_server(("127.0.0.1", 0)) as listener:
        publisher = Publisher(f"amqp://jobs:x@127.0.0.1:{listener.getsockname()[1]}/jobs", "test")

        def greet() -> None:
            greeted.append(listener.accept()[0])
            greeted[0].recv(8)
            greeted[0].sendall(method((10, 10), channel=0))

        threading.Thread(target=greet, daemon=True).start()
        with answered_within(SOON):
            (outcome,) = publisher.publish([a_message()], LONG)
        greeted[0].close()

    assert isinstance(cause(outcome), struct.error)


def test_all_who_waited_for_a_connection_are_told_that_there_is_none() -> None:
    outcomes: list[UnavailableError | None] = []
    publisher = Publisher(nowhere(), "test")
    callers = [
        threading.Thread(target=lambda: outcomes.extend(publisher.publish([a_message()], LONG)))
        for _ in range(20)
    ]

    with answered_within(SOON):
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()

    assert all(isinstance(cause(outcome), ConnectionRefusedError) for outcome in outcomes)
    assert len(outcomes) == 20


def test_making_a_publisher_opens_no_connection() -> None:
    """gunicorn forks after the application is made."""
    with a_broker(take) as broker:
        Publisher(broker.url, "test")

    assert broker.talks == []
