"""One of several processes has the turn; it is handed on, or taken from one that has died."""

from uuid import uuid4

import pytest

from project.leader_lock import LeaderLock
from tests.integration.isolated.system import IsolatedSystem
from tests.waiting import wait_until

SECONDS = 30
SHORT, LONG = 0.5, 3600


@pytest.fixture
def key() -> str:
    return f"turn {uuid4().hex}"


def test_one_that_comes_first_has_the_turn_and_keeps_it(isolated: IsolatedSystem, key: str) -> None:
    first, second = (LeaderLock(isolated.redis, key, LONG) for _ in range(2))

    assert [first.acquire(), second.acquire(), first.acquire(), second.acquire()] == [
        True,
        False,
        True,
        False,
    ]


def test_lock_of_one_that_has_died_is_taken_over_whatever_the_clock_says(
    isolated: IsolatedSystem, key: str
) -> None:
    """A key that expires would last an hour longer, once Redis's clock has gone back by one."""
    first, second = (LeaderLock(isolated.redis, key, SHORT) for _ in range(2))
    assert first.acquire()
    assert not second.acquire()

    wait_until(second.acquire, SECONDS)

    assert second.acquire()
    assert not first.acquire()
    assert isolated.redis.ttl(key) == -1


def test_lock_that_is_left_is_free_at_once(isolated: IsolatedSystem, key: str) -> None:
    first, second = (LeaderLock(isolated.redis, key, LONG) for _ in range(2))
    first.acquire()
    second.acquire()

    first.release()

    assert second.acquire() or second.acquire()  # it sees first that the other one has gone
    first.release()
    assert second.acquire()


def test_lock_that_redis_has_lost_is_taken_again_by_one(isolated: IsolatedSystem, key: str) -> None:
    first, second = (LeaderLock(isolated.redis, key, LONG) for _ in range(2))
    first.acquire()
    second.acquire()

    isolated.redis.delete(key)

    taken = [turn.acquire() for _ in range(2) for turn in (first, second)]
    assert taken.count(True) == 1
