"""Whose turn it is, where several processes could do the same work and one is to.

Who has it writes another number each time; it is taken from who has not for a while. Not by a key
that expires: after a jump of Redis's clock nobody would work for an hour. It is for thrift: one
that was frozen may go on for a moment beside its successor, so the work itself must bear that.
"""

import time
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import uuid4

from redis import Redis

_SWAP = """
-- Puts a new value in the place of one that is still there; '': only looks. What is there now.
local found = redis.call('GET', KEYS[1]) or ''
if ARGV[2] == '' or found ~= ARGV[1] then return found end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
"""


@dataclass
class LeaderLock:
    """One process's part in taking turns; `redis` must decode responses."""

    redis: "Redis"
    key: str
    seconds: float
    """One that dies is replaced within this time."""
    name: str = field(default_factory=lambda: uuid4().hex)
    _found: str = ""
    _found_at: float = 0.0
    _is_mine: bool = False
    _swap: Any = field(init=False)

    def __post_init__(self) -> None:
        self._swap = self.redis.register_script(_SWAP)

    def acquire(self) -> bool:
        """Take or keep the turn: whether this process has it."""
        value = f"{self.name} {time.monotonic_ns()}" if self._may_take() else ""
        found = str(self._swap(keys=[self.key], args=[self._found, value]))
        if found != self._found:
            self._found, self._found_at = found, monotonic()
        self._is_mine = bool(value) and found == value
        return self._is_mine

    def release(self) -> None:
        """Let another one have it at once."""
        if self._is_mine:
            self.redis.delete(self.key)
            self._is_mine = False

    def _may_take(self) -> bool:
        is_silent = monotonic() - self._found_at >= self.seconds
        return self._is_mine or not self._found or is_silent
