"""Limits requests to a steady rate per host, and pauses if a host asks for it."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from time import monotonic


class Pacer:
    """Starts one request to a host per interval, in the order of the calls to `wait`."""

    def __init__(
        self,
        interval_seconds: float,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._sleep = sleep
        self._slower: dict[str, float] = {}
        self._next: defaultdict[str, float] = defaultdict(float)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def slow_down(self, host: str, interval_seconds: float) -> None:
        """Use at least this interval for the host from now on, as `Crawl-delay` asks."""
        self._slower[host] = interval_seconds

    def pause(self, host: str, seconds: float) -> None:
        """Start no request to the host for that long, as `Retry-After` asks."""
        self._next[host] = max(self._next[host], self._clock() + seconds)

    async def wait(self, host: str) -> None:
        """Wait until a request to the host may begin."""
        async with self._turns[host]:
            while (seconds := self._next[host] - self._clock()) > 0:
                await self._sleep(seconds)
            interval = max(self._interval_seconds, self._slower.get(host, 0))
            self._next[host] = self._clock() + interval
