"""A running system: starts it wave by wave, watches it, stops it in reverse order."""

import subprocess
import time
from itertools import groupby

from deploy.native import preparation, processes, readiness
from deploy.native.console import Console, Interruption
from deploy.native.daemon import CONFIGURATION, Daemon, DaemonGoneError, Program, spawn
from deploy.native.endpoints import catches_mail
from deploy.native.places import Places
from project.config import Settings

# For a cold start on a slow disk: RabbitMQ creates its database, Python compiles its imports.
READY_SECONDS = 180.0
DAEMON_SECONDS = 15.0
ORPHANS_SECONDS = 30.0
SHOWN_LOG_LINES = 15


class StartError(Exception):
    """A program did not start; the message is one sentence."""

    def __init__(self, message: str, last_lines: list[str]) -> None:
        super().__init__(message)
        self.last_lines = last_lines


class InterruptedStartError(Exception):
    """The user ended the stack, here or with `make stop`, while it was still starting."""


class Stack:
    """The programs of one data folder, from their start to their end."""

    def __init__(
        self, settings: Settings, places: Places, console: Console, interruption: Interruption
    ) -> None:
        self._settings = settings
        self._places = places
        self._console = console
        self._interruption = interruption
        self._daemon = Daemon(places.socket)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start everything, and wait until all of it is ready."""
        preparation.prepare(self._settings, self._places)
        environment = preparation.supervisor_environment(self._settings, self._places)
        output = self._places.supervisor / "supervisord.out"
        self._process = spawn(environment, output)
        self._await_daemon(self._process)
        try:
            for _, wave in groupby(self._wanted(), key=lambda program: program.wave):
                self._start_wave(list(wave))
        except DaemonGoneError as error:
            if self._daemon.is_leaving():
                raise InterruptedStartError from error
            log = self._places.supervisor / "supervisord.log"
            raise StartError(f"supervisord ended during the start: see {log}.", []) from error

    def watch(self) -> bool:
        """Report programs that end or restart, until the stack should end.

        False means that supervisord is gone, so there is nothing left to stop.
        """
        known: dict[str, Program] = {}
        while not self._interruption.is_requested():
            try:
                programs = self._daemon.programs()
            except DaemonGoneError:
                return False
            for program in programs:
                self._report_change(known.get(program.name, program), program)
                known[program.name] = program
            self._interruption.wait(1.0)
        return True

    def stop(self) -> bool:
        """Stop everything in order; return whether it stopped cleanly."""
        if self._process is None:
            return True
        stop_programs(self._daemon, self._console)
        return self._reap(self._process)

    def await_end(self) -> bool:
        """Wait for a supervisord that another command stops; return whether it ended cleanly."""
        return self._process is None or self._reap(self._process)

    def _wanted(self) -> list[Program]:
        return [
            program
            for program in self._daemon.programs()
            if program.name != "mailcatcher" or catches_mail(self._settings)
        ]

    def _await_daemon(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + DAEMON_SECONDS
        while not self._daemon.is_answering():
            self._stop_if_interrupted()
            if process.poll() is not None or time.monotonic() > deadline:
                output = self._places.supervisor / "supervisord.out"
                lines = output.read_text(errors="replace").splitlines()[-SHOWN_LOG_LINES:]
                raise StartError(f"supervisord did not start from {CONFIGURATION}.", lines)
            time.sleep(0.05)

    def _start_wave(self, wave: list[Program]) -> None:
        self._console.say(f"Starting {', '.join(program.name for program in wave)} ...")
        offsets = {}
        for program in wave:
            log = self._places.program_log(program.name)
            offsets[program.name] = log.stat().st_size if log.exists() else 0
            self._daemon.start(program)
        started = time.monotonic()
        for program in wave:
            self._await_ready(program.name, started, offsets[program.name])

    def _await_ready(self, name: str, started: float, log_offset: int) -> None:
        """Wait until the program is ready; raise StartError if it ends instead."""
        pid = 0
        while True:
            self._stop_if_interrupted()
            program = self._daemon.program(name)
            pid = pid or program.pid
            waited = time.monotonic() - started
            if program.is_told_to_stop():
                raise InterruptedStartError
            if not program.is_running() or program.pid != pid:
                raise self._failure(name, "ended instead of starting", log_offset)
            reason = self._find_reason_to_wait(program)
            if reason is None:
                self._console.show_step(name, f"ready after {waited:.1f} s")
                return
            if waited > READY_SECONDS:
                problem = f"was not ready after {READY_SECONDS:.0f} s ({reason})"
                raise self._failure(name, problem, log_offset)
            self._interruption.wait(0.2)

    def _find_reason_to_wait(self, program: Program) -> str | None:
        if program.name in readiness.CHECKS:
            return readiness.check_program(program.name, self._settings, program.pid)
        return None if program.is_settled() else "it has only just started"

    def _failure(self, name: str, problem: str, log_offset: int) -> StartError:
        log = self._places.program_log(name)
        with log.open("rb") as file:
            file.seek(log_offset)
            lines = file.read().decode(errors="replace").splitlines()
        return StartError(f"{name} {problem}. Its output is in {log}.", lines[-SHOWN_LOG_LINES:])

    def _stop_if_interrupted(self) -> None:
        if self._interruption.is_requested():
            raise InterruptedStartError

    def _report_change(self, before: Program, now: Program) -> None:
        log = self._places.program_log(now.name)
        if now.is_given_up() and not before.is_given_up():
            self._console.say(
                f"{now.name} ended too often, so it is not restarted; the other programs continue. "
                f"Its output is in {log}."
            )
        elif now.is_running() and before.is_running() and now.pid != before.pid:
            self._console.say(f"{now.name} ended and was restarted: see {log}.")

    def _reap(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for supervisord to end, and kill any process that remains."""
        status = process.wait()
        # Programs still live only if supervisord itself was killed; then each of them is stopping.
        deadline = time.monotonic() + ORPHANS_SECONDS
        while processes.find_session(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        survivors = processes.kill_session(process.pid)
        for survivor in survivors:
            self._console.say(
                f"Killed process {survivor.pid} ({survivor.command}), which had not stopped."
            )
        return status == 0 and not survivors


def stop_programs(daemon: Daemon, console: Console) -> None:
    """Stop the programs group by group, the last started first, then end supervisord."""
    try:
        running = [program for program in daemon.programs() if not program.is_stopped()]
        if running:
            console.say("Stopping ...")
        running.reverse()
        for group, members in groupby(running, key=lambda program: program.group):
            _stop_group(daemon, console, group, [program.name for program in members])
        daemon.shut_down()
    except DaemonGoneError:
        # supervisord is stopping the rest itself, in the same order.
        return


def _stop_group(daemon: Daemon, console: Console, group: str, names: list[str]) -> None:
    started = time.monotonic()
    daemon.stop_group(group)
    waiting = set(names)
    # supervisord kills what has not stopped after its `stopwaitsecs`, so this loop ends.
    while waiting:
        stopped = {
            program.name
            for program in daemon.programs()
            if program.name in waiting and program.is_stopped()
        }
        for name in sorted(stopped):
            console.show_step(name, f"stopped after {time.monotonic() - started:.1f} s")
        waiting -= stopped
        if waiting:
            time.sleep(0.05)
