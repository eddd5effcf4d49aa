"""supervisord: started, asked and told. It runs the programs; nothing here does."""

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
    """supervisord does not answer: it is not running, or it is on its way out."""


@dataclass(frozen=True)
class Program:
    """One program of `supervisord.conf`, as it is now."""

    name: str
    group: str
    priority: int
    state: int
    pid: int

    @property
    def wave(self) -> int:
        """Programs of one wave start together."""
        return self.priority // 10

    def is_running(self) -> bool:
        return self.state in (ProcessStates.STARTING, ProcessStates.RUNNING)

    def is_settled(self) -> bool:
        """Has run for its `startsecs`."""
        return bool(self.state == ProcessStates.RUNNING)

    def is_stopped(self) -> bool:
        return self.state in STOPPED_STATES

    def is_told_to_stop(self) -> bool:
        """Stopping, or stopped, because somebody asked for it; or never started."""
        return self.state in (ProcessStates.STOPPING, ProcessStates.STOPPED)

    def is_given_up(self) -> bool:
        """Ended too often in a row: supervisord does not start it again."""
        return bool(self.state == ProcessStates.FATAL)


def spawn(environment: dict[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start supervisord in a session of its own, so that Ctrl-C reaches the launcher alone.

    It gets SIGTERM when the launcher dies, however that was, and then stops everything in order.
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
        """Whether there is one that takes orders."""
        try:
            self._call("getState")
        except DaemonGoneError:
            return False
        return True

    def is_leaving(self) -> bool:
        """Whether there is one that is stopping everything already."""
        try:
            self._call("getState")
        except DaemonGoneError as error:
            return isinstance(error.__cause__, Fault)
        return False

    def pid(self) -> int:
        """supervisord's process id, which is its session's too."""
        return int(self._call("getPID"))

    def programs(self) -> list[Program]:
        """All programs, in the order they start in."""
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
        """One program, as it is now."""
        return next(program for program in self.programs() if program.name == name)

    def start(self, program: Program) -> None:
        """Start the program; returns when it has been spawned."""
        self._call("startProcess", f"{program.group}:{program.name}", False)

    def stop_group(self, group: str) -> None:
        """Ask the group's programs to stop; returns at once."""
        self._call("stopProcessGroup", group, False)

    def shut_down(self) -> None:
        """End supervisord, and whatever still runs under it."""
        self._call("shutdown")

    def wait_until_gone(self, seconds: float) -> bool:
        """Wait for supervisord to be gone; False if it is still there after so long."""
        deadline = time.monotonic() + seconds
        while self.is_answering() or self.is_leaving():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _call(self, method: str, *arguments: Any) -> Any:
        # A connection a call: one that a stopping supervisord has closed cannot be used again.
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
