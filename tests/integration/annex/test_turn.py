"""One of several processes has the turn; it is handed on, or taken from one that has died."""

from uuid import uuid4

import pytest

from project.leader_lock import Turn
from tests.integration.annex.system import Annex
from tests.waiting import wait_until

SECONDS = 30
SHORT, LONG = 0.5, 3600


@pytest.fixture
def key() -> str:
    return f"turn {uuid4().hex}"


def test_one_that_comes_first_has_the_turn_and_keeps_it(annex: Annex, key: str) -> None:
    first, second = (Turn(annex.redis, key, LONG) for _ in range(2))

    assert [first.take(), second.take(), first.take(), second.take()] == [True, False, True, False]


def test_turn_of_one_that_has_died_is_taken_over_whatever_the_clock_says(
    annex: Annex, key: str
) -> None:
    """A key that expires would last an hour longer, once Redis's clock has gone back by one."""
    first, second = (Turn(annex.redis, key, SHORT) for _ in range(2))
    assert first.take()
    assert not second.take()

    wait_until(second.take, SECONDS)

    assert second.take()
    assert not first.take()
    assert annex.redis.ttl(key) == -1


def test_turn_that_is_left_is_free_at_once(annex: Annex, key: str) -> None:
    first, second = (Turn(annex.redis, key, LONG) for _ in range(2))
    first.take()
    second.take()

    first.leave()

    assert second.take() or second.take()  # it sees first that the other one has gone
    first.leave()
    assert second.take()


def test_turn_that_redis_has_lost_is_taken_again_by_one(annex: Annex, key: str) -> None:
    first, second = (Turn(annex.redis, key, LONG) for _ in range(2))
    first.take()
    second.take()

    annex.redis.delete(key)

    taken = [turn.take() for _ in range(2) for turn in (first, second)]
    assert taken.count(True) == 1
