"""An httpx transport that connects only to addresses that the guard allows.

A crawl resolves each name once. The guard checks all of its addresses, and the transport connects
to a checked address, never to the name: so a name server that answers differently the second time
(DNS rebinding) gains nothing. TLS and the Host header still use the name.
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
"""Resolves a host to addresses; OSError if there are none."""

MAX_ADDRESSES_TRIED = 3


async def resolve(host: str) -> list[str]:
    """Resolve with the system's resolver, in a daemon thread.

    The event loop waits for its own executor when it ends, so a silent name server would delay a
    cancelled job until the resolver's timeout.
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
    """The address that the host spells, in any notation; empty for a name. Resolves nothing."""
    try:
        return _look_up(host, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []


def _look_up(host: str, flags: int = 0) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Addresses:
    """Checked addresses of hosts, each resolved once."""

    def __init__(self, guard: Guard, ports: Iterable[int], look_up: Resolve = resolve) -> None:
        self._guard = guard
        self._ports = frozenset(ports)
        self._resolve = look_up
        self._known: dict[str, asyncio.Future[list[str]]] = {}

    async def find(self, host: str, port: int) -> list[str]:
        """Addresses to connect to; RefusedError, or OSError if there is no such host."""
        if port not in self._ports:
            raise RefusedError(f"{host}:{port} is on a port that the crawl does not fetch.")
        if host not in self._known:
            self._known[host] = asyncio.ensure_future(self._resolve(host))
        addresses = await asyncio.shield(self._known[host])
        self._guard.check(host, addresses)
        return addresses

    def check_literal(self, host: str) -> None:
        """RefusedError if the host is a refused address; names are not resolved."""
        self._guard.check(host, read_literal(host))

    def close(self) -> None:
        """Cancel pending look-ups."""
        for future in self._known.values():
            future.cancel()


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Makes TCP connections to checked addresses."""

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
        """Connect to one of the host's addresses."""
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
        """The pause between httpcore's own attempts."""
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over such connections, without proxies, cookies or environment variables."""

    def __init__(self, backend: GuardedBackend, connections: int, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            keepalive_expiry=5,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; httpcore's errors pass through unchanged."""
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
