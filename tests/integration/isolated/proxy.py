"""A TCP proxy that can fail as networks do: cut connections, refuse new ones, or fall silent."""

import select
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass

CHUNK_BYTES = 64 * 1024


@dataclass
class _Pair:
    """A client's connection, and the one behind it."""

    client: socket.socket
    server: socket.socket

    def close(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Listens on a free port of this machine and passes all on, until it is told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._pairs: list[_Pair] = []
        self._lock = threading.Lock()
        self._flows = threading.Event()
        self._flows.set()
        self._is_refusing = False
        self.accepted = 0
        """Connections that were taken so far."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close all connections, as a server that restarts does."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.close()

    def refuse(self) -> None:
        """Close all connections, and every new one at once: nobody is there."""
        self._is_refusing = True
        self.cut()

    def freeze(self) -> None:
        """Pass nothing on any more, close nothing: the server hangs."""
        self._flows.clear()

    def mend(self) -> None:
        """Work again; what was held back while it was frozen is lost with its connections."""
        was_frozen = not self._flows.is_set()
        self._is_refusing = False
        if was_frozen:
            self.cut()
        self._flows.set()

    def close(self) -> None:
        """End for good."""
        self._listener.close()
        self.refuse()
        self._flows.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self._is_refusing:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=5)
            server.settimeout(None)
        except OSError:
            client.close()
            return
        pair = _Pair(client, server)
        with self._lock:
            self._pairs.append(pair)
        try:
            self._pass_on(pair)
        except (OSError, ValueError):
            return  # cut meanwhile
        finally:
            pair.close()

    def _pass_on(self, pair: _Pair) -> None:
        other = {pair.client: pair.server, pair.server: pair.client}
        while True:
            poll = select.poll()
            for end in other:
                poll.register(end, select.POLLIN)
            ready = {number for number, _ in poll.poll(1000)}
            for end, target in other.items():
                if end.fileno() in ready:
                    content = end.recv(CHUNK_BYTES)
                    self._flows.wait()
                    if not content:
                        return
                    target.sendall(content)
