"""A TCP proxy that forwards everything after a delay, like a server on another machine.

    python -m bench.delay --milliseconds 1 20001:5673 20002:6380

Each argument is a port to listen on and a port to connect to, both on this machine. Bytes keep
their order, and each direction has the delay, so a round trip takes twice as long. If the other end
reads too slowly, the proxy pauses a connection, so that no data piles up here.
"""

import argparse
import asyncio
import selectors
from collections import deque
from collections.abc import Sequence
from functools import partial

HOST = "127.0.0.1"


class Way(asyncio.Protocol):
    """One end of a proxied connection: forwards what it reads to the other end later."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay = delay_seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._other: asyncio.Transport | None = None
        self._underway: deque[tuple[float, bytes]] = deque()
        """Data with the time when it is due; b"" stands for the end of the connection."""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start: asyncio switches Nagle's algorithm off, which would delay small messages."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type
        self._transport = transport

    def join(self, other: "Way") -> None:
        """Forward to that end what was read so far, and everything later."""
        self._other = other._transport
        self._hand_on()

    def data_received(self, data: bytes) -> None:
        """Queue the data until it is due."""
        self._underway.append((self._loop.time() + self._delay, data))
        if self._timer is None:
            self._hand_on()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Close the other end after everything that was sent before."""
        self.data_received(b"")

    def pause_writing(self) -> None:
        """Pause the sender, because this end does not read its data."""
        if self._other and not self._other.is_closing():
            self._other.pause_reading()

    def resume_writing(self) -> None:
        """Resume the sender, because this end reads again."""
        if self._other and not self._other.is_closing():
            self._other.resume_reading()

    def _hand_on(self) -> None:
        """Send everything that is due, and schedule the next call."""
        self._timer = None
        if self._other is None:
            return
        now = self._loop.time()
        while self._underway and self._underway[0][0] <= now:
            self._send(self._other, self._underway.popleft()[1])
        if self._underway:
            self._timer = self._loop.call_at(self._underway[0][0], self._hand_on)

    @staticmethod
    def _send(other: asyncio.Transport, data: bytes) -> None:
        if not data:
            other.close()
        elif not other.is_closing():
            other.write(data)


class Entrance(Way):
    """The end that a client has connected to; it connects to the server."""

    def __init__(self, delay_seconds: float, port: int) -> None:
        super().__init__(delay_seconds)
        self._port = port
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what the client sends meanwhile."""
        super().connection_made(transport)
        self._connecting = self._loop.create_task(self._connect(transport))

    async def _connect(self, transport: asyncio.BaseTransport) -> None:
        try:
            _, server = await self._loop.create_connection(
                lambda: Way(self._delay), HOST, self._port
            )
        except OSError:
            transport.close()
            return
        self.join(server)
        server.join(self)


async def serve(delay_seconds: float, routes: Sequence[tuple[int, int]]) -> list[asyncio.Server]:
    """Listen on the first port of each route, for clients of the second port."""
    loop = asyncio.get_running_loop()
    return [
        await loop.create_server(partial(Entrance, delay_seconds, port), HOST, listen)
        for listen, port in routes
    ]


def make_loop() -> asyncio.AbstractEventLoop:
    """Return a loop on `select`: asyncio's default, on epoll, rounds up to whole milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m bench.delay", description=__doc__)
    parser.add_argument("--milliseconds", type=float, default=1.0)
    parser.add_argument("routes", nargs="+", type=_read_route, metavar="LISTEN:PORT")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(_serve_for_ever(options.milliseconds / 1000, options.routes))


async def _serve_for_ever(delay_seconds: float, routes: Sequence[tuple[int, int]]) -> None:
    servers = await serve(delay_seconds, routes)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _read_route(text: str) -> tuple[int, int]:
    listen, _, port = text.partition(":")
    return int(listen), int(port)


if __name__ == "__main__":
    main()
