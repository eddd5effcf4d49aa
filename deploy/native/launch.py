"""What `run`, `stop` and `exec` do, step by step. They return the exit status."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from deploy.native import ports, table
from deploy.native.console import Console, Interruption
from deploy.native.daemon import Daemon, DaemonGoneError
from deploy.native.drift import find_changed_queues
from deploy.native.endpoints import find_unsuitable, list_endpoints
from deploy.native.places import ROOT, Places
from deploy.native.stack import InterruptedStartError, Stack, StartError, stop_programs
from deploy.native.throwaway import PORT_COUNT, throwaway_settings
from project.config import Settings

OK, FAILED = 0, 1
INTERRUPTED = 130
"""The exit status that a shell gives a program ended by Ctrl-C."""

READY = "ready"
"""Content of the lock file once everything has started."""

# Longer than any program takes to stop.
LEAVING_SECONDS = 180.0

# An interrupted command may clean up for this long before it gets SIGTERM, and later SIGKILL.
COMMAND_SECONDS = 15.0


class AlreadyRunningError(Exception):
    """Another launcher holds this data folder's lock."""


def run(settings: Settings, console: Console) -> int:
    """Start everything, print where it is, and keep it running until the user ends it."""
    places = Places(ROOT / "data", ROOT / settings.log_dir)
    places.make()
    interruption = Interruption()
    interruption.install()
    try:
        with _held(places.lock) as lock:
            return _run_held(settings, places, console, interruption, lock)
    except AlreadyRunningError:
        return _describe_running(settings, places, console)


def stop(console: Console) -> int:
    """Stop a running stack, wherever its launcher runs, even if the launcher is gone."""
    daemon = Daemon(Places(ROOT / "data", ROOT / "logs").socket)
    if not (daemon.is_answering() or daemon.is_leaving()):
        console.say("Nothing is running.")
        return OK
    stop_programs(daemon, console)
    if not daemon.wait_until_gone(LEAVING_SECONDS):
        console.say(f"Still not stopped after {LEAVING_SECONDS:.0f} s: see data/supervisor/.")
        return FAILED
    console.say("Stopped.")
    return OK


def execute(settings: Settings, command: list[str], data: Path | None, keep: bool) -> int:
    """Run a command with its own whole stack; return the command's exit status."""
    # Standard output belongs to the command.
    console = Console(os.fdopen(os.dup(2), "w"))
    interruption = Interruption()
    interruption.install()
    folder = data.resolve() if data else Path(tempfile.mkdtemp(prefix="jobs-"))
    claim, free = ports.claim_block(PORT_COUNT)
    with claim:
        os.environ.update(throwaway_settings(settings, folder, free))
        status = _execute_beside(Settings(), folder, command, console, interruption)
    if data or keep or status != OK:
        console.say(f"Logs and data of this run are in {folder}/.")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return status


def _run_held(
    settings: Settings, places: Places, console: Console, interruption: Interruption, lock: TextIO
) -> int:
    daemon = Daemon(places.socket)
    if daemon.is_leaving():
        console.say("Waiting for the previous stack to stop ...")
        daemon.wait_until_gone(LEAVING_SECONDS)
    problems = find_unsuitable(settings) + ports.find_conflicts(list_endpoints(settings))
    if problems:
        console.say("\n".join(problems))
        return FAILED
    stack = Stack(settings, places, console, interruption)
    failure = _start(stack, console)
    if failure is not None:
        # Ending a start on request is not a failure.
        return OK if failure == INTERRUPTED else failure
    print(READY, file=lock, flush=True)
    console.say("\n" + table.render(settings, places) + "\n")
    for sentence in find_changed_queues(settings):
        console.say(sentence)
    if stack.watch():
        return _end(stack.stop(), console)
    console.say("Another command is stopping the stack ...")
    return _end(stack.await_end(), console)


def _start(stack: Stack, console: Console) -> int | None:
    """Start everything; on failure, stop what had started and return the exit status."""
    started = time.monotonic()
    try:
        stack.start()
    except InterruptedStartError:
        stack.stop()
        return INTERRUPTED
    except StartError as error:
        console.say("\n".join(["", *(f"  | {line}" for line in error.last_lines), str(error), ""]))
        stack.stop()
        return FAILED
    except BaseException:
        stack.stop()
        raise
    console.say(f"Everything is ready after {time.monotonic() - started:.0f} s.")
    return None


def _end(is_clean: bool, console: Console) -> int:
    console.say("Stopped." if is_clean else "Stopped, but not cleanly: see data/supervisor/.")
    return OK if is_clean else FAILED


def _describe_running(settings: Settings, places: Places, console: Console) -> int:
    """Say what another terminal's `run` has started, or that it is starting or stopping."""
    try:
        programs = Daemon(places.socket).programs()
    except DaemonGoneError:
        programs = []
    running = [program.name for program in programs if program.is_running()]
    if not running or READY not in places.lock.read_text():
        console.say("Another terminal is starting or stopping this stack.")
        return OK
    console.say("Already running: " + ", ".join(running) + ".")
    console.say("\n" + table.render(settings, places) + "\n")
    return OK


def _execute_beside(
    settings: Settings,
    folder: Path,
    command: list[str],
    console: Console,
    interruption: Interruption,
) -> int:
    places = Places(folder, settings.log_dir)
    places.make()
    with _held(places.lock):
        stack = Stack(settings, places, console, interruption)
        failure = _start(stack, console)
        if failure is not None:
            return failure
        try:
            status = _run_command(command, interruption)
        finally:
            is_clean = stack.stop()
        return status or _end(is_clean, console)


def _run_command(command: list[str], interruption: Interruption) -> int:
    """Run it in the foreground; the terminal sends Ctrl-C to both of us."""
    # It must not continue without its stack: if we are killed, it gets SIGTERM.
    path = os.pathsep.join([f"{sys.prefix}/bin", os.environ.get("PATH", os.defpath)])
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *command], env={**os.environ, "PATH": path}
    )
    while process.poll() is None:
        if interruption.wait(0.1):
            _end_command(process, interruption)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _end_command(process: subprocess.Popen[bytes], interruption: Interruption) -> None:
    """Give the command time to end by itself, then send SIGTERM, then SIGKILL."""
    if interruption.signal is not signal.SIGINT:
        process.terminate()
    for end in (process.terminate, process.kill):
        try:
            process.wait(COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            end()
        else:
            return
    process.wait()


@contextmanager
def _held(lock: Path) -> Iterator[TextIO]:
    """Hold the lock file; the kernel releases it when this process ends, however it ends."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError from error
        file.truncate(0)
        yield file
