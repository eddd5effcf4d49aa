"""rsyslog with our configuration, as a process that a test starts, kills and stops."""

import json
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.waiting import wait_until

SHIP = Path(__file__).parents[2] / "deploy/rsyslog/ship"


@dataclass
class Rsyslog:
    """One shipper with a state of its own, over any number of starts."""

    logs: Path
    state: Path
    store: str
    authority: Path
    login: tuple[str, str]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        assert self._process is None
        self._process = subprocess.Popen(
            [SHIP],
            env={**os.environ, **self._variables()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """As a crash would end it."""
        self._end(hard=True)

    def stop(self) -> None:
        self._end(hard=False)

    def crash(self) -> None:
        """As a fault of rsyslog's own would end it; `ship` is still there."""
        assert self._process is not None
        file = self.state / "pid"
        pid = int(wait_until(lambda: file.exists() and file.read_text(), 60, "rsyslogd to be up"))
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(pid), 60, "rsyslogd to be gone")

    def wait(self) -> int:
        """The exit status, when it ends by itself."""
        assert self._process is not None
        return self._process.wait(timeout=60)

    def dead_letters(self) -> list[dict[str, str]]:
        """The lines that were not shipped, each with the reason."""
        path = self.state / "dead-letters.jsonl"
        text = path.read_bytes().decode(errors="surrogateescape") if path.exists() else ""
        return [json.loads(line, strict=False) for line in text.splitlines()]

    def _end(self, *, hard: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.poll() is None, "rsyslog ended by itself"
        if not hard:
            process.terminate()
            process.wait(timeout=60)  # in an outage it takes its time
            return
        daemons = _children(process.pid)
        process.kill()  # first, or it would start another one
        process.wait()
        for pid in daemons:
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not psutil.pid_exists(pid), 60, "rsyslogd to be gone")

    def _variables(self) -> dict[str, str]:
        user, password = self.login
        return {
            "JOBS_LOG_DIR": str(self.logs),
            "JOBS_SHIPPER_STATE": str(self.state),
            "JOBS_SHIPPER_STORE": self.store,
            "JOBS_SHIPPER_CA": str(self.authority),
            "JOBS_SHIPPER_USER": user,
            "JOBS_SHIPPER_PASSWORD": password,
        }


def _children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]
