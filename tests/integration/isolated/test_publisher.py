"""Publishing to the real RabbitMQ, through a proxy of the test's own that fails as networks do."""

import os
import resource
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from amqp.exceptions import MessageNacked  # type: ignore[import-untyped]  # py-amqp ships no types
from kombu import Connection

from project.broker.message import Message, make_message
from project.broker.publisher import Publisher
from project.broker.topology import JOBS_EXCHANGE
from project.errors import UnavailableError
from project.queues import parse_queues
from tests.builders import a_job, a_trace
from tests.integration.isolated.proxy import Proxy
from tests.integration.isolated.system import IsolatedSystem
from tests.waiting import wait_until

# No test waits so long, unless what it promises is broken.
QUEUES = list(parse_queues(""))
"""The isolated system's."""
LONG = 30.0
# What has to come at once, or after a second at the most, on a slow machine.
SOON = 10.0

EACH_TROUBLE = pytest.mark.parametrize(
    "trouble", [Proxy.refuse, Proxy.freeze], ids=["gone", "hung"]
)


@dataclass(frozen=True)
class Place:
    """A queue of the test's own, and a publisher that reaches it through the proxy."""

    isolated: IsolatedSystem
    proxy: Proxy
    queue: str
    url: str
    publisher: Publisher

    def publish(self, count: int = 1, seconds: float = LONG) -> list[UnavailableError | None]:
        return self.publisher.publish(self.messages(count), seconds)

    def messages(self, count: int = 1) -> list[Message]:
        return [make_message(a_job(queue=self.queue), a_trace()) for _ in range(count)]

    def taken(self) -> list[str]:
        """The ids of all messages in the queue, which is empty then."""
        with Connection(self.isolated.direct.broker_url) as connection:
            channel = connection.default_channel
            got = iter(lambda: channel.basic_get(self.queue, no_ack=True), None)
            return [message.headers["id"] for message in got]


@pytest.fixture
def place(isolated: IsolatedSystem) -> Iterator[Place]:
    parts = urlsplit(isolated.direct.broker_url)
    proxy = Proxy(parts.hostname or "", parts.port or 0)
    login = parts.netloc.rpartition("@")[0]
    url = parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}").geturl()
    with a_queue(isolated) as queue:
        yield Place(isolated, proxy, queue, url, Publisher(url, "test"))
    proxy.close()


@contextmanager
def a_queue(isolated: IsolatedSystem, **arguments: Any) -> Iterator[str]:
    """A queue that nobody consumes, bound to the queues' exchange by its own name."""
    call = isolated.administrator.call
    vhost, name = quote(isolated.name), f"test-{uuid4().hex[:8]}"
    queue = {"durable": True, "arguments": {"x-queue-type": "quorum", **arguments}}
    call("PUT", f"queues/{vhost}/{name}", json=queue)
    bindings = f"bindings/{vhost}/e/{JOBS_EXCHANGE.name}/q/{name}"
    for routing_key in (name, f"#.{name}"):  # the second is how delayed messages come
        call("POST", bindings, json={"routing_key": routing_key})
    try:
        yield name
    finally:
        call("DELETE", f"queues/{vhost}/{name}")


@contextmanager
def answered_soon() -> Iterator[None]:
    asked_at = monotonic()
    yield
    assert monotonic() - asked_at < SOON


def all_at_once(count: int, run: Callable[[], Any]) -> list[Any]:
    """What it returns in so many threads."""
    with ThreadPoolExecutor(count) as threads:
        return [future.result() for future in [threads.submit(run) for _ in range(count)]]


def test_confirmed_message_is_in_its_queue(place: Place) -> None:
    (message,) = place.messages()

    assert place.publisher.publish([message], LONG) == [None]

    with Connection(place.isolated.direct.broker_url) as connection:
        got = connection.default_channel.basic_get(place.queue, no_ack=True)
    assert got.body.encode() == message.body
    assert {name: got.headers[name] for name in message.headers} == message.headers
    assert got.properties["correlation_id"] == message.job_id
    assert got.properties["delivery_mode"] == 2
    assert (got.content_type, got.content_encoding) == ("application/json", "utf-8")


def test_many_threads_at_once_are_confirmed_exactly_once(place: Place) -> None:
    published: list[str] = []

    def publish() -> list[UnavailableError | None]:
        outcomes = []
        for count in (1, 1, 30, 1, 200):
            messages = place.messages(count)
            published.extend(message.job_id for message in messages)
            outcomes += place.publisher.publish(messages, LONG)
        return outcomes

    outcomes = [outcome for part in all_at_once(16, publish) for outcome in part]

    assert outcomes == [None] * len(published)
    assert Counter(place.taken()) == Counter(published)
    assert place.proxy.accepted < 16 * 5  # one that is free is used again


def test_what_was_confirmed_is_there_however_often_the_connection_broke(place: Place) -> None:
    """And nothing is there twice: what was in flight is not sent again."""
    confirmed: list[str] = []
    is_over = threading.Event()

    def publish() -> None:
        while not is_over.is_set():
            messages = place.messages(100)
            outcomes = place.publisher.publish(messages, LONG)
            confirmed.extend(m.job_id for m, o in zip(messages, outcomes, strict=True) if o is None)

    def break_after(count: int, connections: int) -> None:
        goal = len(confirmed) + count
        wait_until(lambda: len(confirmed) >= goal and place.proxy.accepted >= connections, LONG)
        place.proxy.cut()

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(5):
        break_after(500, number + 1)  # more than the threads can have heard of when it breaks
    is_over.set()
    for thread in threads:
        thread.join()

    taken = Counter(place.taken())
    assert not set(confirmed) - taken.keys()
    assert set(taken.values()) == {1}
    assert place.proxy.accepted >= 5


def test_connection_that_breaks_while_the_confirm_is_awaited_fails_the_message_at_once(
    place: Place,
) -> None:
    place.publish()
    place.proxy.freeze()
    with ThreadPoolExecutor(1) as thread, answered_soon():
        outcome = thread.submit(place.publish, 3)

        place.proxy.cut()

        assert all(isinstance(error, UnavailableError) for error in outcome.result())
    place.proxy.mend()
    assert place.publish() == [None]


@EACH_TROUBLE
def test_broker_that_is_away_is_unavailable_in_time_and_back_when_it_is(
    place: Place, trouble: Callable[[Proxy], None]
) -> None:
    place.publish()
    trouble(place.proxy)

    for _ in range(3):
        with answered_soon():
            (error,) = place.publish(seconds=1)
            assert isinstance(error, UnavailableError)
    with answered_soon(), pytest.raises(UnavailableError):
        place.publisher.check(QUEUES, timeout_seconds=1)
    with answered_soon(), pytest.raises(UnavailableError):
        place.publisher.depths([place.queue], timeout_seconds=1)

    place.proxy.mend()
    wait_until(lambda: place.publish() == [None], LONG)
    place.publisher.check(QUEUES, LONG)
    assert place.publisher.depths([place.queue], LONG)


@EACH_TROUBLE
def test_broker_that_is_away_from_the_start_is_unavailable_in_time(
    place: Place, trouble: Callable[[Proxy], None]
) -> None:
    trouble(place.proxy)

    with answered_soon():
        outcomes = all_at_once(16, lambda: place.publish(seconds=1))

    assert all(isinstance(error, UnavailableError) for (error,) in outcomes)
    place.proxy.mend()
    assert place.publish() == [None]


def test_connections_that_the_broker_closed_unused_are_not_noticed(place: Place) -> None:
    """After a restart of the broker the first message, and the first question, do not fail."""
    place.publish()
    place.publisher.depths([place.queue], LONG)
    place.proxy.cut()

    assert place.publisher.depths([place.queue], LONG) == {place.queue: (1, 0)}
    assert place.publish() == [None]

    assert place.proxy.accepted == 4


def test_message_without_a_queue_is_not_confirmed(place: Place) -> None:
    """RabbitMQ confirms a message that no queue takes: `mandatory` tells the two apart."""
    lost = make_message(a_job(queue="nowhere"), a_trace())

    outcomes = place.publisher.publish([*place.messages(), lost, *place.messages(), lost], LONG)

    assert [outcomes[0], outcomes[2]] == [None, None]
    for error in (outcomes[1], outcomes[3]):
        assert isinstance(error, UnavailableError)
        assert "NO_ROUTE" in str(error.__cause__)
    assert len(place.taken()) == 2
    assert place.proxy.accepted == 1


def test_exchange_that_does_not_exist_is_unavailable_and_nothing_else_is(place: Place) -> None:
    lost = Message("id", "no-such-exchange", "short", {}, b"")

    with answered_soon():
        (error,) = place.publisher.publish([lost], LONG)

    assert isinstance(error, UnavailableError)
    assert place.publish() == [None]


def test_message_that_its_queue_refuses_is_not_confirmed(place: Place) -> None:
    limits = {"x-max-length": 5, "x-overflow": "reject-publish"}
    with a_queue(place.isolated, **limits) as full:

        def refused() -> BaseException | None:
            (error,) = place.publisher.publish([make_message(a_job(queue=full), a_trace())], LONG)
            return error and error.__cause__

        cause = wait_until(refused, LONG, "the queue to be full")

    assert isinstance(cause, MessageNacked)
    assert place.publish() == [None]


def test_delayed_message_waits_in_the_broker_and_comes(place: Place) -> None:
    """Its queue is one that delayed delivery serves as it serves a queue."""
    key = {"routing_key": f"#.{place.queue}"}
    vhost = quote(place.isolated.name)
    bindings = f"bindings/{vhost}/e/celery_delayed_delivery/e/{JOBS_EXCHANGE.name}"
    place.isolated.administrator.call("POST", bindings, json=key)
    job = a_job(queue=place.queue)
    sent_at = monotonic()

    outcomes = place.publisher.publish([make_message(job, a_trace(), delay_seconds=3)], LONG)

    assert outcomes == [None]
    wait_until(lambda: place.isolated.waiting(place.queue), LONG)
    assert monotonic() - sent_at > 2.9, "it came too early"
    assert place.taken() == [job.id]


def test_depths_are_the_messages_that_are_ready_and_the_consumers(place: Place) -> None:
    place.publish(3)

    depths = place.publisher.depths([place.queue, "dead"], LONG)

    assert depths[place.queue] == (3, 0)
    assert depths.keys() == {place.queue, "dead"}


def test_depth_of_a_queue_that_does_not_exist_is_unavailable(place: Place) -> None:
    with pytest.raises(UnavailableError):
        place.publisher.depths(["nowhere"], LONG)

    assert place.publisher.depths([place.queue], LONG) == {place.queue: (0, 0)}


def test_check_leaves_no_message_behind(place: Place) -> None:
    queues = [*QUEUES, "dead"]
    before = {queue: place.isolated.waiting(queue) for queue in queues}

    place.publisher.check(QUEUES, LONG)

    assert {queue: place.isolated.waiting(queue) for queue in queues} == before


def test_connections_say_whose_they_are(place: Place) -> None:
    place.publish()

    def names() -> set[str]:
        told = place.isolated.administrator.call(
            "GET", f"vhosts/{quote(place.isolated.name)}/connections"
        )
        return {connection.get("user_provided_name", "") for connection in told}

    wait_until(lambda: any(name.startswith("test on ") for name in names()), LONG)


def test_connection_is_kept_however_many_descriptors_are_open(place: Place) -> None:
    """A web server with a thousand open event streams has sockets beyond number 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    taken = [os.dup(0) for _ in range(1100)]
    try:
        for _ in range(3):
            assert place.publish() == [None]
            place.publisher.depths([place.queue], LONG)
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert place.proxy.accepted == 2
