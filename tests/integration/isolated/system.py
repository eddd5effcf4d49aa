"""A second system on the stack's own servers: for tests that must be alone or that break things.

It has a virtual host and a Redis database of its own, its own files and logs, and its own web and
worker processes, started by the command lines of `make run`. Between them and the servers stand
proxies, so that a test can take the broker or Redis away from this system and no other.
"""

import configparser
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import requests
from kombu import Connection
from redis import Redis

from deploy.rabbitmq.definitions import render
from project.config import Settings
from project.ledger import Ledger
from project.ledger.job_log import JobLog
from project.queues import WORKER_ROLE
from project.worker.heartbeat import heartbeat_key
from tests.builders import an_unused_port
from tests.integration.client import Client
from tests.integration.isolated.postbox import Postbox
from tests.integration.isolated.proxy import Proxy
from tests.integration.logbook import LogBook
from tests.integration.management import Management
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
READY_SECONDS = 60
STOP_SECONDS = 30
DATABASES = range(1, 16)
"""Redis's databases that the stack itself does not use."""
CLAIM = "isolated"


@dataclass
class IsolatedSystem:
    """The second system. `start()` makes its places; its processes start when a test needs them."""

    main: Settings
    folder: Path
    name: str = field(default_factory=lambda: f"isolated-{uuid4().hex[:8]}")
    extra_kinds: str = "tests.integration.isolated.kinds"
    queues: str = ""
    """JOBS_QUEUES."""
    postbox: Postbox = field(default_factory=Postbox)
    variables: dict[str, str] = field(default_factory=dict)
    """Environment variables of processes that are started from now on."""
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Make the virtual host, claim a database, stand the proxies up."""
        self.postbox.start()
        self.database = self._claim_database()
        self.broker = _proxy_to(self.main.broker_url)
        self.redis_proxy = _proxy_to(self.main.redis_url)
        self.web_port = an_unused_port()
        definitions = render(self.direct)
        del definitions["users"]
        self.administrator.call("POST", "definitions", json=definitions)

    def stop(self) -> None:
        """End the processes and remove every trace."""
        for role in reversed(list(self._processes)):
            self.stop_process(role)
        self.postbox.stop()
        self.broker.close()
        self.redis_proxy.close()
        self.administrator.call("DELETE", f"vhosts/{self.name}")
        self.redis.flushdb()

    @cached_property
    def direct(self) -> Settings:
        """The settings of who goes straight to the servers: the test itself."""
        return Settings(
            broker_url=_replaced(self.main.broker_url, path=f"/{self.name}"),
            redis_url=_replaced(self.main.redis_url, path=f"/{self.database}"),
            files_url=str(self.folder / "files"),
            scratch_dir=self.folder / "scratch",
            log_dir=self.folder / "logs",
            web_port=self.web_port,
            public_url=f"http://localhost:{self.web_port}",
            smtp_url=f"smtp://127.0.0.1:{self.postbox.port}",
            web_workers=1,
            shutdown_seconds=1,
            heartbeat_file=str(self.folder / "alive"),
            extra_kinds=self.extra_kinds,
            queues=self.queues,
        )

    @cached_property
    def settings(self) -> Settings:
        """The settings of its processes, which go through the proxies."""
        return self.direct.model_copy(
            update={
                "broker_url": _replaced(self.direct.broker_url, port=self.broker.port),
                "redis_url": _replaced(self.direct.redis_url, port=self.redis_proxy.port),
            }
        )

    @cached_property
    def administrator(self) -> Management:
        return Management.as_administrator(self.main)

    @cached_property
    def redis(self) -> "Redis":
        return Redis.from_url(self.direct.redis_url, decode_responses=True)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.redis, self.direct.retention_seconds)

    @cached_property
    def job_log(self) -> JobLog:
        return JobLog(self.redis)

    @property
    def log(self) -> LogBook:
        return LogBook(self.direct.log_dir)

    def open_page(self) -> Client:
        """A new browser on its page."""
        return Client(f"http://127.0.0.1:{self.web_port}").open_page()

    def waiting(self, queue: str) -> int:
        """Messages that are ready in a queue."""
        with Connection(self.direct.broker_url) as connection:
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)

    def files(self) -> set[Path]:
        """All files in its store, half-written ones too."""
        return {path for path in Path(self.direct.files_url).rglob("*") if path.is_file()}

    def job_ids(self) -> set[str]:
        """All jobs in its ledger."""
        return {key.removeprefix("job:") for key in self.redis.scan_iter("job:*")}

    @property
    def running(self) -> set[str]:
        """The roles of the processes that were started and not stopped."""
        return set(self._processes)

    def start_web(self) -> None:
        """The web server; returns when it is ready for work."""
        if "web" in self._processes:
            return
        self._spawn("web", self._web_is_ready)

    def await_ready(self) -> None:
        """Wait until the web server takes work again."""
        wait_until(self._web_is_ready, READY_SECONDS, "the isolated system's web to be ready again")

    def start_worker(self, role: str) -> None:
        """A queue's worker, as `worker-short`; returns when it takes jobs."""
        if role in self._processes:
            return
        key = heartbeat_key(role, socket.gethostname())
        self.redis.delete(key)
        self._spawn(role, lambda: bool(self.redis.exists(key)))

    def start_scheduler(self) -> None:
        """The scheduler; returns when it has begun."""
        if "scheduler" not in self._processes:
            self._spawn("scheduler", lambda: bool(self.log.about("scheduler_started")))

    def stop_process(self, role: str) -> None:
        """Tell it to stop as the process manager does, and wait until it has."""
        with self.stopping(role):
            pass

    @contextmanager
    def stopping(self, role: str) -> Iterator[None]:
        """It is told to stop at the beginning, and has stopped at the end."""
        process = self._processes.pop(role)
        process.terminate()
        try:
            yield
            process.wait(STOP_SECONDS)
        finally:
            _signal_group(process, signal.SIGKILL)

    def kill_process(self, role: str) -> None:
        """Kill it, children and all, without a warning."""
        process = self._processes.pop(role)
        _signal_group(process, signal.SIGKILL)
        process.wait(STOP_SECONDS)

    @contextmanager
    def restarted(self, **variables: str) -> Iterator[None]:
        """While this lasts the web server and the short worker run with these variables."""
        for self.variables in (variables, {}):
            for role in ("web", "worker-short"):
                if role in self._processes:
                    self.stop_process(role)
            self.start_web()
            self.start_worker("worker-short")
            if self.variables:
                yield

    def main_pid(self, role: str) -> int:
        """The process id of its first process."""
        return self._processes[role].pid

    @contextmanager
    def paused(self, role: str) -> Iterator[None]:
        """While this lasts the process does nothing at all: it has neither ended nor lost touch."""
        process = self._processes[role]
        _signal_group(process, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal_group(process, signal.SIGCONT)

    def _spawn(self, role: str, is_ready: Callable[[], bool]) -> None:
        command, extra = _command_line(role)
        path = os.pathsep.join([f"{sys.prefix}/bin", os.environ.get("PATH", os.defpath)])
        output = self.folder / f"{role}.out"
        with output.open("ab") as file:
            process = self._processes[role] = subprocess.Popen(
                command,
                cwd=ROOT,
                env={
                    **os.environ,
                    **environment_of(self.settings),
                    **extra,
                    **self.variables,
                    "PATH": path,
                },
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        def look() -> bool:
            assert process.poll() is None, f"{role} ended: {output.read_text()[-2000:]}"
            return is_ready()

        wait_until(look, READY_SECONDS, f"the isolated system's {role} to be ready")

    def _web_is_ready(self) -> bool:
        with suppress(requests.RequestException):
            url = f"http://127.0.0.1:{self.web_port}/readyz"
            return requests.get(url, timeout=5).status_code == 200
        return False

    def _claim_database(self) -> int:
        for number in DATABASES:
            url = _replaced(self.main.redis_url, path=f"/{number}")
            with Redis.from_url(url) as redis:
                if redis.set(CLAIM, self.name, nx=True):
                    return number
        raise AssertionError(
            "all of Redis's databases are claimed by isolated systems: start a fresh stack"
        )


def _proxy_to(url: str) -> Proxy:
    parts = urlsplit(url)
    assert parts.hostname and parts.port, f"{parts.scheme}://… names no host and port"
    return Proxy(parts.hostname, parts.port)


def _replaced(url: str, *, path: str | None = None, port: int | None = None) -> str:
    """The URL with another path, or with another port of this machine."""
    parts = urlsplit(url)
    if port is not None:
        login, at, _ = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{login}{at}127.0.0.1:{port}")
    return parts._replace(path=parts.path if path is None else quote(path)).geturl()


def environment_of(settings: Settings) -> dict[str, str]:
    """Environment variables that mean these settings."""
    return {
        f"JOBS_{name.upper()}": str(value)
        for name, value in settings
        if not isinstance(value, dict)
    }


def _command_line(role: str) -> tuple[list[str], dict[str, str]]:
    """How `make run` starts the program: its command, and what it adds to the environment."""
    programs = configparser.RawConfigParser(inline_comment_prefixes=None, comment_prefixes=(";",))
    programs.read(ROOT / "deploy" / "native" / "supervisord.conf")
    queue = role.removeprefix(WORKER_ROLE) if role.startswith(WORKER_ROLE) else ""
    # The worker of a queue that the stack does not have is started like the others.
    program = programs["program:worker-long" if queue else f"program:{role}"]
    command = program["command"].replace("%%", "%")
    command = command.replace("project.worker long", f"project.worker {queue}")
    pairs = (pair.partition("=") for pair in program["environment"].split(","))
    return shlex.split(command), {name: value.strip('"') for name, _, value in pairs}


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
