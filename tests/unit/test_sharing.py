"""Round trips that callers share, beside a Redis that answers as the test decides."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from redis import ConnectionError as RedisConnectionError

from project.ledger.exchange import Call
from project.ledger.sharing import SHARED_CALLS, SharedTrips
from tests.waiting import wait_until

LONG = 30.0


def a_call(name: str) -> Call:
    return None, [name], []


class Trips:
    """Notes each round trip, and holds the first one up until it may end."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.sent: list[list[str]] = []
        self.may_end = threading.Event()
        self._failure = failure
        self.shared = SharedTrips(self.exchange)

    def exchange(self, calls: Sequence[Call]) -> list[Any]:
        self.sent.append([keys[0] for _, keys, _ in calls])
        if len(self.sent) == 1:
            assert self.may_end.wait(LONG)
            if self._failure:
                raise self._failure
        return [f"answer to {keys[0]}" for _, keys, _ in calls]


class Caller(threading.Thread):
    """Sends calls, and keeps what comes of it."""

    def __init__(self, trips: Trips, *names: str) -> None:
        super().__init__(daemon=True)
        self._trips = trips
        self._calls = [a_call(name) for name in names]
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self._trips.shared.exchange(self._calls)
        except BaseException as error:  # noqa: BLE001 - it is the outcome
            self.outcome = error


def gather(trips: Trips, *names: str) -> list[Caller]:
    """Callers who have come while the first one's round trip is under way."""
    first = Caller(trips, "first")
    wait_until(lambda: bool(trips.sent), LONG)
    others = [Caller(trips, name) for name in names]
    (line,) = trips.shared._lines.values()
    wait_until(lambda: len(line._gathered) == len(names), LONG)
    return [first, *others]


def finish(trips: Trips, callers: Sequence[Caller]) -> list[Any]:
    trips.may_end.set()
    for caller in callers:
        caller.join(LONG)
    return [caller.outcome for caller in callers]


def test_caller_is_answered_each_of_its_calls() -> None:
    trips = Trips()
    trips.may_end.set()

    assert trips.shared.exchange([a_call("a"), a_call("b")]) == ["answer to a", "answer to b"]
    assert trips.shared.exchange([]) == []


def test_those_who_come_meanwhile_share_the_next_round_trip() -> None:
    trips = Trips()

    outcomes = finish(trips, gather(trips, "a", "b", "c"))

    assert outcomes == [[f"answer to {name}"] for name in ("first", "a", "b", "c")]
    assert [sorted(names) for names in trips.sent] == [["first"], ["a", "b", "c"]]


def test_those_who_wait_while_redis_is_away_hear_it_at_once() -> None:
    failure = RedisConnectionError("no")
    trips = Trips(failure)

    assert finish(trips, gather(trips, "a", "b")) == [failure] * 3
    assert trips.sent == [["first"]]
    assert trips.shared.exchange([a_call("later")]) == ["answer to later"]


def test_interrupted_sender_takes_nobody_with_it() -> None:
    interruption = KeyboardInterrupt()
    trips = Trips(interruption)

    outcomes = finish(trips, gather(trips, "a"))

    assert outcomes == [interruption, ["answer to a"]]


def test_calls_in_the_hands_of_an_interrupted_sender_are_sent_again() -> None:
    trips = Trips()
    callers = gather(trips, "a", "b")
    answer: Callable[[Sequence[Call]], list[Any]] = trips.exchange

    def interrupt_once(calls: Sequence[Call]) -> list[Any]:
        line._exchange = answer
        raise KeyboardInterrupt

    (line,) = trips.shared._lines.values()
    line._exchange = interrupt_once

    outcomes = finish(trips, callers)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        *("KeyboardInterrupt", "list", "list"),
    ]


def test_who_has_many_calls_keeps_nobody_waiting() -> None:
    trips = Trips()
    callers = gather(trips)

    many = [str(number) for number in range(SHARED_CALLS + 1)]
    outcome = trips.shared.exchange([a_call(name) for name in many])

    assert outcome == [f"answer to {name}" for name in many]
    assert finish(trips, callers) == [["answer to first"]]
