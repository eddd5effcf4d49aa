"""A whole stack of its own, whose servers may be stopped, frozen and killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests
from redis import Redis

from deploy.native.daemon import Daemon, Program
from deploy.native.places import Places
from deploy.native.readiness import check_program
from project.config import Settings
from project.ledger import Ledger
from tests.integration.client import Client
from tests.integration.logbook import LogBook
from tests.integration.management import Management
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
EXEC = (sys.executable, "-m", "deploy.native", "exec")
STOP_SECONDS = 240
READY_SECONDS = 90
CONTROL_SECONDS = 60
NECESSARY = ("rabbitmq", "redis", "worker-short", "worker-long", "web")
"""What must be ready before jobs can flow."""

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
    data: Path

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
        with self.stopped(program):
            yield
        self.await_web()

    @contextmanager
    def stopped(self, program: str) -> Iterator[None]:
        """While this lasts the server is stopped; afterwards it is being started."""
        self.daemon.stop_group(program)
        wait_until(lambda: self._find(program).is_stopped(), READY_SECONDS, f"{program} to stop")
        try:
            yield
        finally:
            self.daemon.start(self._find(program))

    @contextmanager
    def frozen(self, program: str) -> Iterator[None]:
        """While this lasts the program does nothing; afterwards the web is ready."""
        with halted([self.pid(program)]):
            yield
        self.await_web()

    @contextmanager
    def pool_frozen(self, worker: str) -> Iterator[None]:
        """While this lasts no process of the pool does anything: its jobs stay in the queue."""
        with halted(_family(self.pid(worker))):
            yield

    def kill(self, program: str) -> None:
        """Kill the program and all of its processes; its manager starts it again."""
        for pid in _family(self.pid(program)):
            kill_process(pid)

    def stop_softly(self, program: str) -> None:
        """Ask the program to end, as a new version's start does; its manager starts it again."""
        os.kill(self.pid(program), signal.SIGTERM)

    def pid(self, program: str) -> int:
        """The program's first process."""
        return self._find(program).pid

    def children(self, program: str) -> list[int]:
        """The processes that the program's first one has made: a pool's, or web workers."""
        return _children(self.pid(program))

    def await_new(self, program: str, old_pid: int) -> None:
        """Wait until another process than that is the program."""
        wait_until(lambda: self.pid(program) not in (0, old_pid), READY_SECONDS, program)

    def await_whole(self) -> None:
        """Wait until every program is ready for work."""

        def missing() -> dict[str, str]:
            found = {name: check_program(name, self.settings, self.pid(name)) for name in NECESSARY}
            return {name: reason for name, reason in found.items() if reason}

        wait_until(lambda: not missing() or None, READY_SECONDS, "all programs to be ready")

    @property
    def administrator(self) -> Management:
        """RabbitMQ's management API as its administrator."""
        return Management.as_administrator(self.settings)

    def control_broker(self, *arguments: str) -> None:
        """Run `rabbitmqctl` against this stack's node."""
        subprocess.run(
            ["/usr/lib/rabbitmq/bin/rabbitmqctl", *arguments],
            env={
                **os.environ,
                "HOME": str(self.data / "rabbitmq" / "home"),
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_NODENAME": "jobs@localhost",
                "ERL_EPMD_PORT": str(self.settings.rabbitmq_epmd_port),
            },
            check=True,
            capture_output=True,
            timeout=CONTROL_SECONDS,
        )

    def await_web(self) -> None:
        """Wait until the web server takes work again."""

        def is_ready() -> bool:
            url = f"http://127.0.0.1:{self.settings.web_port}/readyz"
            return requests.get(url, timeout=20).status_code == 200

        wait_until(is_ready, READY_SECONDS, "the web server to be ready")

    def _find(self, name: str) -> Program:
        return self.daemon.program(name)


@contextmanager
def halted(pids: list[int]) -> Iterator[None]:
    """While this lasts the processes do nothing, and close nothing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        # The signal takes effect when a thread next runs: on a busy machine, some requests later.
        wait_until(lambda: all(map(_is_halted, pids)), READY_SECONDS, "the processes to halt")
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _is_halted(pid: int) -> bool:
    """Whether every thread of the process has stopped, or ended. psutil knows no thread's state."""
    states = [_state(task) for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(state in "TZX" for state in states)


def _state(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def kill_process(pid: int) -> None:
    """Kill it, unless it has ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _family(pid: int) -> list[int]:
    """The process and all of its descendants."""
    return [pid, *_children(pid, recursive=True)]


def _children(pid: int, *, recursive: bool = False) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=recursive)]
    except psutil.NoSuchProcess:
        return []  # it has ended meanwhile


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Stack]:
    """A stack on free ports, with its data in the folder; it ends with the block.

    `environment` adds variables to those of its programs.
    """
    said = folder / "said"
    with said.open("wb") as file:
        process = subprocess.Popen(
            [*EXEC, "--data", folder / "data", "--", sys.executable, "-c", GUEST],
            cwd=ROOT,
            env={**os.environ, **environment},
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
        told = json.loads(line)
        yield Stack(
            _settings_of(told),
            Daemon(Places(folder / "data", Path(told["JOBS_LOG_DIR"])).socket),
            folder / "data",
        )
    finally:
        process.stdin.close()
        process.wait(STOP_SECONDS)


def _settings_of(environment: dict[str, str]) -> Settings:
    return Settings(
        **{name.removeprefix("JOBS_").lower(): value for name, value in environment.items()}
    )
