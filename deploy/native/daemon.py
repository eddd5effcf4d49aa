"""Starts, queries and controls supervisord, which runs the programs."""

import subprocess
import sys
import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.states import STOPPED_STATES, ProcessStates
from supervisor.xmlrpc import Faults, SupervisorTransport

CONFIGURATION = Path(__file__).with_name("supervisord.conf")


class DaemonGoneError(Exception):
    """supervisord does not answer: it is not running, or is shutting down."""


@dataclass(frozen=True)
class Program:
    """The current state of one program of `supervisord.conf`."""

    name: str
    group: str
    priority: int
    state: int
    pid: int

    @property
    def wave(self) -> int:
        """The wave: programs of one wave start together."""
        return self.priority // 10

    def is_running(self) -> bool:
        return self.state in (ProcessStates.STARTING, ProcessStates.RUNNING)

    def is_settled(self) -> bool:
        """Whether it has run for its `startsecs`."""
        return bool(self.state == ProcessStates.RUNNING)

    def is_stopped(self) -> bool:
        return self.state in STOPPED_STATES

    def is_told_to_stop(self) -> bool:
        """Whether it is stopping, was stopped on request, or was never started."""
        return self.state in (ProcessStates.STOPPING, ProcessStates.STOPPED)

    def is_given_up(self) -> bool:
        """Whether it ended too often in a row, so that supervisord does not restart it."""
        return bool(self.state == ProcessStates.FATAL)


def spawn(environment: dict[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start supervisord in its own session, so that Ctrl-C reaches only the launcher.

    When the launcher dies, for whatever reason, supervisord gets SIGTERM, and stops everything in
    order.
    """
    command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--silent"]
    with output.open("wb") as stream:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command, "--configuration", CONFIGURATION],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class Daemon:
    """A running supervisord, through its control socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def is_answering(self) -> bool:
        """Whether supervisord runs and accepts commands."""
        try:
            self._call("getState")
        except DaemonGoneError:
            return False
        return True

    def is_leaving(self) -> bool:
        """Whether supervisord is already stopping everything."""
        try:
            self._call("getState")
        except DaemonGoneError as error:
            return isinstance(error.__cause__, Fault)
        return False

    def pid(self) -> int:
        """Return supervisord's process id, which is also its session's."""
        return int(self._call("getPID"))

    def programs(self) -> list[Program]:
        """Return all programs, in the order of their start."""
        states = {info["name"]: info for info in self._call("getAllProcessInfo")}
        programs = [
            Program(
                name=config["name"],
                group=config["group"],
                priority=config["group_prio"],
                state=states[config["name"]]["state"],
                pid=states[config["name"]]["pid"],
            )
            for config in self._call("getAllConfigInfo")
        ]
        return sorted(programs, key=lambda program: program.priority)

    def program(self, name: str) -> Program:
        """Return the current state of one program."""
        return next(program for program in self.programs() if program.name == name)

    def start(self, program: Program) -> None:
        """Start the program, without waiting until it is ready."""
        self._call("startProcess", f"{program.group}:{program.name}", False)

    def stop_group(self, group: str) -> None:
        """Ask the group's programs to stop, without waiting."""
        self._call("stopProcessGroup", group, False)

    def shut_down(self) -> None:
        """End supervisord, and whatever still runs under it."""
        self._call("shutdown")

    def wait_until_gone(self, seconds: float) -> bool:
        """Wait until supervisord is gone; return False if it is still there after that time."""
        deadline = time.monotonic() + seconds
        while self.is_answering() or self.is_leaving():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _call(self, method: str, *arguments: Any) -> Any:
        # A new connection for each call: a stopping supervisord closes its connections.
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self._socket}")
        try:
            proxy = ServerProxy("http://supervisor", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        except Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:
                raise DaemonGoneError("supervisord is stopping") from fault
            raise
        except (OSError, HTTPException) as error:
            raise DaemonGoneError("supervisord does not answer") from error
        finally:
            transport.close()
