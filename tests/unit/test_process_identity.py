"""Whether a process that holds a lease still lives, and moves."""

import os
import socket
import subprocess
import sys

from project.worker.process_identity import is_gone, is_halted, name_holder
from tests.waiting import wait_until


def test_living_process_is_not_gone() -> None:
    assert not is_gone(f"{name_holder()}")


def test_ended_process_is_gone() -> None:
    code = "from project.worker.process_identity import name_holder; print(name_holder())"
    holder = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()

    assert is_gone(f"{holder}")


def test_other_process_with_the_same_number_is_not_the_holder() -> None:
    assert is_gone(f"{socket.gethostname()}:{os.getpid()}:1")


def test_process_on_another_host_is_not_known_to_be_gone() -> None:
    assert not is_gone("elsewhere:1:1")


def test_process_that_stands_still_is_halted_and_not_gone() -> None:
    code = (
        "import os, signal, sys; from project.worker.process_identity import name_holder;"
        "print(name_holder(), flush=True); os.kill(os.getpid(), signal.SIGSTOP)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        holder = child.stdout.readline().strip()
        wait_until(lambda: is_halted(holder), 10)
        assert not is_gone(holder)

        child.kill()

    assert is_gone(holder)
    assert not is_halted(holder)
    assert not is_halted(name_holder())
    assert not is_halted("elsewhere:1:1")
