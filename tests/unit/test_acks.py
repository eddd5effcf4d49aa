"""Acknowledgements: together where that is right, and only on the connection that brought them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from structlog.testing import capture_logs

from project.worker.acks import MOST, Acks


@dataclass
class Channel:
    """Notes what is acknowledged on it: a tag, and whether those before it are meant, too."""

    said: list[tuple[int, bool]] = field(default_factory=list)
    is_lost: bool = False

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        if self.is_lost:
            raise ConnectionError("gone")
        self.said.append((tag, multiple))


@dataclass
class Message:
    """A message as kombu shows it."""

    channel: Channel
    delivery_tag: int
    _state: str = "RECEIVED"

    @property
    def acknowledged(self) -> bool:
        return self._state != "RECEIVED"

    def reject(self) -> None:
        self._state = "REJECTED"


class Timer:
    """What was asked to be called later."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def __call__(self, _seconds: float, call: Callable[[], None]) -> None:
        self.calls.append(call)

    def fire(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()

    def run_out(self) -> None:
        """Fire until nothing is asked for any more."""
        for _ in range(10):
            self.fire()
        assert not self.calls


def received(acks: Acks, channel: Channel, count: int) -> list[Message]:
    messages = [Message(channel, tag) for tag in range(1, count + 1)]
    for message in messages:
        acks.note(message)
    return messages


def test_jobs_that_ended_in_order_are_acknowledged_by_the_last_one() -> None:
    timer, channel = Timer(), Channel()
    acks = Acks(timer, (ConnectionError,), 2 * MOST)
    first, second, third = received(acks, channel, 3)

    acks.add(second)
    acks.add(first)
    timer.run_out()

    assert channel.said == [(2, True)]
    assert not third.acknowledged


def test_job_that_still_runs_is_not_acknowledged_with_later_ones() -> None:
    timer, channel = Timer(), Channel()
    acks = Acks(timer, (ConnectionError,), 2 * MOST)
    first, second, third, fourth = received(acks, channel, 4)

    for message in (first, third, fourth):
        acks.add(message)
    timer.run_out()
    assert channel.said == [(1, True), (3, False), (4, False)]

    acks.add(second)
    timer.run_out()
    assert channel.said[-1] == (2, True)


def test_one_that_was_passed_over_is_acknowledged_with_those_before_it() -> None:
    timer, channel = Timer(), Channel()
    acks = Acks(timer, (ConnectionError,), 2 * MOST)
    first, second = received(acks, channel, 2)

    acks.add(second)
    timer.fire()
    assert channel.said == []
    acks.add(first)
    timer.run_out()

    assert channel.said == [(2, True)]


def test_many_behind_a_job_that_runs_for_long_are_not_passed_over() -> None:
    timer, channel = Timer(), Channel()
    acks = Acks(timer, (ConnectionError,), 2 * MOST)
    _, *others = received(acks, channel, 1 + MOST)

    for message in others:
        acks.add(message)

    assert channel.said == [(message.delivery_tag, False) for message in others]


def test_end_of_the_worker_passes_over_nothing() -> None:
    timer, channel = Timer(), Channel()
    acks = Acks(timer, (ConnectionError,), 2 * MOST)
    _, second = received(acks, channel, 2)

    acks.add(second)
    acks.flush()
    timer.run_out()

    assert channel.said == [(2, False)]


def test_refused_message_holds_up_nobody() -> None:
    timer, channel = Timer(), Channel()
    acks = Acks(timer, (ConnectionError,), 2 * MOST)
    first, second = received(acks, channel, 2)

    first.reject()
    acks.add(second)
    timer.run_out()

    assert channel.said == [(2, True)]


def test_many_are_acknowledged_at_once_without_a_wait() -> None:
    timer, channel = Timer(), Channel()
    acks = Acks(timer, (ConnectionError,), 2 * MOST)

    for message in received(acks, channel, MOST):
        acks.add(message)

    assert channel.said == [(MOST, True)]


def test_worker_that_takes_few_messages_waits_for_none() -> None:
    timer, channel = Timer(), Channel()
    acks = Acks(timer, (ConnectionError,), prefetch=2)
    first, second = received(acks, channel, 2)

    acks.add(second)
    acks.add(first)

    assert channel.said == [(2, False), (1, True)]


def test_no_message_is_acknowledged_twice() -> None:
    timer, channel = Timer(), Channel()
    acks = Acks(timer, (ConnectionError,), 2 * MOST)
    (message,) = received(acks, channel, 1)

    acks.add(message)
    acks.add(message)
    timer.run_out()
    acks.flush()

    assert channel.said == [(1, True)]


def test_tag_of_a_lost_connection_means_nothing_on_the_next_one() -> None:
    timer, lost, channel = Timer(), Channel(), Channel()
    acks = Acks(timer, (ConnectionError,), 2 * MOST)
    (old,) = received(acks, lost, 1)
    received(acks, channel, 2)

    acks.add(old)
    timer.run_out()

    assert lost.said == channel.said == []
    assert old.acknowledged


def test_lost_connection_is_no_reason_to_end_the_worker() -> None:
    timer, channel = Timer(), Channel(is_lost=True)
    acks = Acks(timer, (ConnectionError,), 2 * MOST)

    with capture_logs() as lines:
        for message in received(acks, channel, 2):
            acks.add(message)
        timer.run_out()

    assert channel.said == []
    assert [(line["event"], line["jobs"]) for line in lines] == [("acknowledgement_failed", 2)]
