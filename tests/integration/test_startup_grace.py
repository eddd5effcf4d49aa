"""A script that looks at Redis's uptime does so until the first seconds are over, and not after."""

from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import NoScriptError

from project.ledger.startup_grace import GraceScript

A_YEAR = 365 * 24 * 3600
UPTIME = "tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(-?%d+)'))"


def a_script(redis: "Redis", grace_seconds: int) -> GraceScript:
    """A script that no other test has made known; it answers the seconds that it was given."""
    text = f"""
        -- {uuid4()}
        if GRACE > 0 and {UPTIME} < GRACE then return {{ {{ 'starting', GRACE }} }} end
        return {{ {{ 'moved', GRACE }} }}
    """
    return GraceScript(redis, text, grace_seconds)


def test_script_that_does_not_look_is_not_known_before_the_time_is_over(redis: "Redis") -> None:
    script = a_script(redis, A_YEAR)

    assert script([], []) == [["starting", A_YEAR]]

    with pytest.raises(NoScriptError):
        redis.evalsha(script.sha, 0)


def test_it_is_known_from_the_first_call_after_that(redis: "Redis") -> None:
    script = a_script(redis, 1)

    assert script([], []) == [["moved", 1]]

    assert redis.evalsha(script.sha, 0) == [["moved", 0]]


def test_redis_has_forgotten_it_when_it_starts_again(redis: "Redis") -> None:
    """A start empties the cache of scripts, as this does."""
    script = a_script(redis, 1)
    script([], [])

    redis.script_flush()

    with pytest.raises(NoScriptError):
        redis.evalsha(script.sha, 0)
