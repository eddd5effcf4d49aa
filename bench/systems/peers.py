"""The other systems: programs in separate environments."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import requests
from redis import Redis

from bench.accounting import find_descendants
from bench.environments import FOLDER
from bench.programs import running
from bench.stack import RESULTS_DATABASE, Stack
from bench.systems.outcomes import MARK
from bench.systems.system import PROCESSES, WEB_PROCESSES, Server, Web, Whole
from bench.waiting import await_that
from deploy.native.ports import claim_block

Command = Sequence[str]
PROCESSES_HERE = "{processes}"
"""Placeholder for the number of processes in a worker's command."""

LINES_SECONDS = 10.0


def count_keys(redis: "Redis") -> int:
    """Count the results of a system that keeps one key a result, and nothing else there."""
    return int(redis.dbsize())


def count_finished_of_rq(redis: "Redis") -> int:
    """Count RQ's registry of finished jobs."""
    return int(redis.zcard("rq:finished:default"))


def count_results_of_huey(redis: "Redis") -> int:
    """Count Huey's results, which are in one hash."""
    return int(redis.hlen("huey.results.noop"))


@dataclass(frozen=True, slots=True)
class Peer:
    """One configuration of another system."""

    name: str
    title: str
    configuration: str
    environment: str
    client: str
    measures: frozenset[str]
    workers: Sequence[Command] = ()
    count_results: Callable[["Redis"], int] = count_keys
    web: Web | None = None
    web_server: Command = ()
    beside_web: Mapping[str, Command] = field(default_factory=dict)
    """All programs of a whole installation except the web server."""
    extra_variables: Mapping[str, str] = field(default_factory=dict)
    has_log: bool = False
    """Whether it writes a line for each job's end to BENCH_LOG_FILE."""
    processes: int = PROCESSES

    def with_processes(self, processes: int) -> "Peer":
        """Return the same system with that many worker processes."""
        return replace(self, processes=processes)

    def variables(self, stack: Stack) -> dict[str, str]:
        """Return addresses, and the path of the log."""
        logs = {"BENCH_LOG_FILE": str(self._log)}
        return {**stack.environment(), **logs, **self.extra_variables}

    def empty(self, stack: Stack) -> None:
        """Remove everything from earlier measurements."""
        stack.empty_peers()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)

    def forget(self, stack: Stack) -> None:
        """Remove everything that it stores."""
        self.empty(stack)

    @contextmanager
    def working(self, stack: Stack) -> Iterator[list[int]]:
        """Run its workers while the block lasts."""
        with running(self.name, self.environment, self.commands, self.variables(stack)) as pids:
            yield pids

    @property
    def commands(self) -> list[list[str]]:
        """Return its workers' commands for that many processes."""
        number = str(self.processes)
        return [[part.replace(PROCESSES_HERE, number) for part in work] for work in self.workers]

    @contextmanager
    def serving(self, stack: Stack) -> Iterator[Server]:
        """Run its web server on a free port while the block lasts."""
        claim, (port,) = claim_block(1)
        url = f"http://127.0.0.1:{port}"
        command = [*self.web_server, "--bind", f"127.0.0.1:{port}"]
        name = f"{self.name}.web"
        with claim, running(name, self.environment, [command], self.variables(stack)) as (pid,):
            await_web(url, pid, name)
            yield Server(url, pid)

    @contextmanager
    def whole(self, stack: Stack) -> Iterator[Whole]:
        """Run its web server, and all of `beside`, while the block lasts."""
        variables = self.variables(stack)
        with (
            self.serving(stack) as server,
            running(self.name, self.environment, list(self.beside_web.values()), variables) as pids,
        ):
            beside = {name: [pid] for name, pid in zip(self.beside_web, pids, strict=True)}
            yield Whole(server.url, {"web": [server.pid], **beside})

    def count_done(self, stack: Stack) -> int:
        """Count the results in Redis."""
        with Redis.from_url(stack.redis_url(RESULTS_DATABASE)) as redis:
            return self.count_results(redis)

    def verify(self, stack: Stack, jobs: int) -> None:
        """Check that each job has its result and, if the system logs them, the line of its end."""
        done = self.count_done(stack)
        if done != jobs:
            raise ValueError(f"{self.title}: {done} results of {jobs} jobs.")
        if self.has_log:  # the last lines may come after their results
            what = f"{self.title} has a log line for the end of each of {jobs} jobs"
            await_that(lambda: self._count_lines() == jobs, what, LINES_SECONDS)

    def _count_lines(self) -> int:
        with self._log.open("rb") as file:
            return sum(MARK in line for line in file)

    @property
    def _log(self) -> Path:
        return FOLDER / "logs" / f"{self.name}.jsonl"


def await_web(url: str, pid: int, name: str) -> None:
    """Wait until a web server answers with all its processes; a later one would not be counted."""
    await_that(lambda: has_all_processes(pid) and _is_answering(url), f"{name} answers")


def has_all_processes(pid: int) -> bool:
    """Whether a web server's first process has started the others: the first of them may answer."""
    return len(find_descendants([pid])) >= WEB_PROCESSES


def _is_answering(url: str) -> bool:
    """Whether something speaks HTTP there."""
    try:
        requests.get(url, timeout=2)
    except requests.RequestException:
        return False
    return True
