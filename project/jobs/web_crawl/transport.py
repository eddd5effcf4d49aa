"""Connections that only lead where the guard lets them: an httpx transport.

A name is resolved once in a crawl. All of its addresses are judged, and the connection is made to
an address that was judged, never to the name: so a name server that answers differently the second
time (DNS rebinding) gains nothing. TLS and the Host header still go by the name.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import httpcore
import httpx

from project.jobs.web_crawl.guard import Guard, RefusedError

Resolve = Callable[[str], Awaitable[list[str]]]
"""A host's addresses; OSError where there are none."""

MAX_ADDRESSES_TRIED = 3


async def resolve(host: str) -> list[str]:
    """By the system's resolver, in a daemon thread.

    The loop's own executor is joined at its end: a name server that is silent would hold up a
    cancelled job for as long as the resolver is patient.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: OSError | None) -> None:
        if not future.done():
            future.set_exception(error) if error else future.set_result(addresses)

    def look_up() -> None:
        try:
            answer: tuple[list[str], OSError | None] = _look_up(host), None
        except (OSError, UnicodeError) as error:
            answer = [], OSError(f"{host} cannot be resolved: {type(error).__name__}.")
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, *answer)

    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    return await future


def read_literal(host: str) -> list[str]:
    """The address that a host is, in whatever way it is written; asks nobody, and knows no name."""
    try:
        return _look_up(host, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []


def _look_up(host: str, flags: int = 0) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Addresses:
    """Judged addresses of hosts, each resolved once."""

    def __init__(self, guard: Guard, ports: Iterable[int], look_up: Resolve = resolve) -> None:
        self._guard = guard
        self._ports = frozenset(ports)
        self._resolve = look_up
        self._known: dict[str, asyncio.Future[list[str]]] = {}

    async def find(self, host: str, port: int) -> list[str]:
        """Addresses to connect to; RefusedError, or OSError where there is no such host."""
        if port not in self._ports:
            raise RefusedError(f"{host}:{port} is on a port that is not fetched.")
        if host not in self._known:
            self._known[host] = asyncio.ensure_future(self._resolve(host))
        addresses = await asyncio.shield(self._known[host])
        self._guard.check(host, addresses)
        return addresses

    def check_literal(self, host: str) -> None:
        """RefusedError where the host is a refused address; names are not looked up."""
        self._guard.check(host, read_literal(host))

    def close(self) -> None:
        """Wait for no answer any more."""
        for future in self._known.values():
            future.cancel()


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Makes TCP connections to judged addresses."""

    def __init__(
        self, addresses: Addresses, backend: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._addresses = addresses
        self._backend = backend or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # the interface is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to one of the host's addresses."""
        try:
            addresses = await asyncio.wait_for(self._addresses.find(host, port), timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        last: Exception = OSError("no address")
        for address in addresses[:MAX_ADDRESSES_TRIED]:
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def sleep(self, seconds: float) -> None:
        """httpcore's pause between its own attempts."""
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over such connections; knows no proxy, no cookie and no environment."""

    def __init__(self, backend: GuardedBackend, connections: int, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            keepalive_expiry=5,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """httpcore's errors pass through as they are."""
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
            request=request,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()
