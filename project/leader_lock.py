"""The leader lock: of several processes that could do the same work, one does it.

The leader writes a new number each time; when the number has not changed for a while, another
process takes over. The key does not expire: after a jump of Redis's clock there would be no leader
for an hour. The lock only saves work: a leader that was frozen may continue for a moment beside its
successor, so two leaders must do no harm.
"""

import time
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import uuid4

from redis import Redis

_SWAP = """
-- Replaces the value if it is still ARGV[1]; with ARGV[2] '' it only reads. Returns the value now.
local found = redis.call('GET', KEYS[1]) or ''
if ARGV[2] == '' or found ~= ARGV[1] then return found end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
"""


@dataclass
class LeaderLock:
    """One process's side of the lock; `redis` must decode responses."""

    redis: "Redis"
    key: str
    seconds: float
    """A leader that dies is replaced within this time."""
    name: str = field(default_factory=lambda: uuid4().hex)
    _found: str = ""
    _found_at: float = 0.0
    _is_mine: bool = False
    _swap: Any = field(init=False)

    def __post_init__(self) -> None:
        self._swap = self.redis.register_script(_SWAP)

    def acquire(self) -> bool:
        """Try to become or stay the leader; returns whether this process is."""
        value = f"{self.name} {time.monotonic_ns()}" if self._may_take() else ""
        found = str(self._swap(keys=[self.key], args=[self._found, value]))
        if found != self._found:
            self._found, self._found_at = found, monotonic()
        self._is_mine = bool(value) and found == value
        return self._is_mine

    def release(self) -> None:
        """Let another process take over at once."""
        if self._is_mine:
            self.redis.delete(self.key)
            self._is_mine = False

    def _may_take(self) -> bool:
        is_silent = monotonic() - self._found_at >= self.seconds
        return self._is_mine or not self._found or is_silent
