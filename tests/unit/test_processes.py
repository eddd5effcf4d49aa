"""What is known of processes: who listens on a port, who is in a session, what they have used."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.accounting import cpu_seconds, find_descendants, is_running, pss_bytes, with_descendants
from deploy.native.processes import LONGEST_COMMAND, find_listener, find_session, kill_session
from tests.waiting import wait_until

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""
NOBODY = 2**22 + 1
"""No process has this id: the kernel's largest is one less."""


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A process in a session of its own, and its child."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    yield parent.pid, child
    kill_session(parent.pid)
    parent.stdout.close()
    parent.wait()


def test_listener_of_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        listener = find_listener(port)

    assert listener is not None
    assert listener.pid == os.getpid()
    assert 0 < len(listener.command) <= LONGEST_COMMAND
    assert find_listener(port) is None


def test_session_is_all_of_its_processes_that_live(family: tuple[int, int]) -> None:
    parent, child = family
    assert {process.pid for process in find_session(parent)} == {parent, child}

    assert {process.pid for process in kill_session(parent)} == {parent, child}

    # The parent is a zombie now: nobody has waited for it.
    wait_until(lambda: find_session(parent) == [], 10)


def test_descendants_are_found_and_what_they_have_used(family: tuple[int, int]) -> None:
    parent, child = family

    assert find_descendants([parent]) == [child]
    assert with_descendants([parent]) == [parent, child]
    assert pss_bytes([parent, child]) > 1_000_000
    assert cpu_seconds({"both": [parent, child], "none": [NOBODY]})["none"] == 0
    assert is_running(child)

    kill_session(parent)

    wait_until(lambda: not is_running(parent), 10)
    assert find_descendants([NOBODY]) == []
    assert not is_running(NOBODY)
