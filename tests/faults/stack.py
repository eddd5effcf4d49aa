"""A whole stack of its own, whose servers may be stopped, frozen and killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from redis import Redis

from deploy.native.daemon import Daemon, Program
from deploy.native.places import Places
from project.config import Settings
from project.ledger import Ledger
from tests.integration.client import Client
from tests.integration.logbook import LogBook
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
EXEC = (sys.executable, "-m", "deploy.native", "exec")
STOP_SECONDS = 240
READY_SECONDS = 90

# Tells the environment it was given, then lives until its input ends.
GUEST = """
import json, os, sys
print(json.dumps({k: v for k, v in os.environ.items() if k.startswith("JOBS_")}), flush=True)
sys.stdin.read()
"""


@dataclass
class Stack:
    """A running throwaway stack."""

    settings: Settings
    daemon: Daemon

    def open_page(self) -> Client:
        """A new browser on the page."""
        return Client(f"http://127.0.0.1:{self.settings.web_port}").open_page()

    @property
    def redis(self) -> "Redis":
        return Redis.from_url(self.settings.redis_url, decode_responses=True)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.redis, self.settings.retention_seconds)

    @property
    def log(self) -> LogBook:
        return LogBook(self.settings.log_dir)

    @contextmanager
    def without(self, program: str) -> Iterator[None]:
        """While this lasts the server is stopped; afterwards it runs and the web is ready."""
        self.daemon.stop_group(program)
        wait_until(lambda: self._find(program).is_stopped(), READY_SECONDS, f"{program} to stop")
        try:
            yield
        finally:
            self.daemon.start(self._find(program))
            self.await_web()

    @contextmanager
    def frozen(self, program: str) -> Iterator[None]:
        """While this lasts the program's process does nothing, and closes nothing."""
        pid = self._find(program).pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
            self.await_web()

    @contextmanager
    def pool_frozen(self, worker: str) -> Iterator[None]:
        """While this lasts no process of the pool does anything: its jobs stay in the queue."""
        pids = _family(self._find(worker).pid)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def kill(self, program: str) -> None:
        """Kill the program and all of its processes; its manager starts it again."""
        for pid in _family(self._find(program).pid):
            os.kill(pid, signal.SIGKILL)

    def await_web(self) -> None:
        """Wait until the web server takes work again."""

        def is_ready() -> bool:
            url = f"http://127.0.0.1:{self.settings.web_port}/readyz"
            return requests.get(url, timeout=20).status_code == 200

        wait_until(is_ready, READY_SECONDS, "the web server to be ready")

    def _find(self, name: str) -> Program:
        return self.daemon.program(name)


def _family(pid: int) -> list[int]:
    """The process and all of its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(relative for child in children for relative in _family(int(child)))]


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """A stack on free ports, with its data in the folder; it ends with the block."""
    said = folder / "said"
    with said.open("wb") as file:
        process = subprocess.Popen(
            [*EXEC, "--data", folder / "data", "--", sys.executable, "-c", GUEST],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    assert process.stdin
    assert process.stdout
    try:
        line = process.stdout.readline()
        assert line, f"the stack did not start: {said.read_text()[-3000:]}"
        environment = json.loads(line)
        yield Stack(
            _settings_of(environment),
            Daemon(Places(folder / "data", Path(environment["JOBS_LOG_DIR"])).socket),
        )
    finally:
        process.stdin.close()
        process.wait(STOP_SECONDS)


def _settings_of(environment: dict[str, str]) -> Settings:
    return Settings(
        **{name.removeprefix("JOBS_").lower(): value for name, value in environment.items()}
    )
