"""Checks which ports are taken, by whom, and what to do about it; finds free ports."""

import errno
import random
import socket
from collections import defaultdict
from collections.abc import Iterable

from deploy.native.endpoints import Endpoint
from deploy.native.processes import Process, find_listener

# Below the range of outgoing connections' ports (32768 and up), so that no connection can take a
# port between our check and the program's start.
FREE_PORTS = range(20000, 32000)


def find_conflicts(endpoints: Iterable[Endpoint]) -> list[str]:
    """Return a sentence for each port that is not available."""
    endpoints = list(endpoints)
    sentences = _find_shared(endpoints)
    for endpoint in endpoints:
        error = _try_listening(endpoint.host, endpoint.port)
        if error:
            sentences.append(describe_conflict(endpoint, error, find_listener(endpoint.port)))
    return sentences


def describe_conflict(endpoint: Endpoint, error: OSError, holder: Process | None) -> str:
    """Return one sentence: the port, its purpose, the process that uses it, and its setting."""
    place = f"Port {endpoint.port} ({endpoint.name})"
    if error.errno != errno.EADDRINUSE:
        reason = error.strerror or str(error)
        return f"{place} cannot be opened on {endpoint.host} ({reason}): set {endpoint.setting}."
    if holder:
        return (
            f"{place} is taken by process {holder.pid} ({holder.command}): "
            f"stop it, or choose another port with {endpoint.setting}."
        )
    return (
        f"{place} is taken by a program of another user: `sudo ss -ltnp sport = :{endpoint.port}` "
        f"shows it; stop it, or choose another port with {endpoint.setting}."
    )


def claim_block(size: int) -> tuple[socket.socket, list[int]]:
    """Return that many free ports in a row, and a claim that reserves them while it is open.

    A port stays free for anyone until its program has started, so stacks that start at the same
    moment also coordinate: only one process can bind an abstract socket's name, which is free again
    when the process ends, however it ends.
    """
    starts = list(range(FREE_PORTS.start, FREE_PORTS.stop - size, size))
    random.shuffle(starts)
    for start in starts:
        ports = list(range(start, start + size))
        claim = _claim(start)
        if claim and not any(_try_listening("127.0.0.1", port) for port in ports):
            return claim, ports
        if claim:
            claim.close()
    raise OSError(errno.EADDRINUSE, f"no {size} free ports in a row in {FREE_PORTS}")


def _claim(start: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0jobs-native-ports-{start}")
    except OSError:
        claim.close()
        return None
    return claim


def _find_shared(endpoints: list[Endpoint]) -> list[str]:
    users = defaultdict(list)
    for endpoint in endpoints:
        users[endpoint.port].append(endpoint.setting)
    return [
        f"{' and '.join(settings)} name the same port, {port}: each needs a different one."
        for port, settings in users.items()
        if len(settings) > 1
    ]


def _try_listening(host: str, port: int) -> OSError | None:
    """Return the error of listening there now; None if it works."""
    error = _try_binding(host, port)
    # Programs use `localhost`, which is ::1 first on most systems: another program that listens
    # there would receive our requests.
    stranger = _try_binding("::1", port)
    if error is None and stranger is not None and stranger.errno == errno.EADDRINUSE:
        return stranger
    return error


def _try_binding(host: str, port: int) -> OSError | None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # Like servers do: closed connections of an earlier server are no conflict.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error
    return None
