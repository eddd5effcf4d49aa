"""Jobs as `make run` starts it, except that Flower is off unless it is measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.environments import OURS
from bench.kinds import BUSY, GIVE, NOOP, REPEATABLE, TAKE
from bench.ledger import forget_all
from bench.naps import NAP
from bench.programs import running
from bench.stack import WORKERS, Stack
from bench.systems.outcomes import Outcomes
from bench.systems.peers import LINES_SECONDS, await_web
from bench.systems.system import PROCESSES, Server, Web, Whole
from bench.waiting import await_that
from deploy.native.ports import claim_block
from project.ledger import Status
from project.ledger.keys import partition_key, waiting_key

PROGRAMS = ("web", *WORKERS, "scheduler")
SHORT_WORKER, LONG_WORKER = WORKERS

FLOWER = "flower"
WEB = "project.server:create_app()"
DRAIN_SECONDS = 300.0


def _done_key(kind: str) -> str:
    """Count the succeeded jobs of that kind in the short queue."""
    return partition_key("short", kind, Status.SUCCEEDED.value)


ALL_DONE = tuple(map(_done_key, (NOOP, REPEATABLE, BUSY, TAKE, GIVE, NAP)))


@dataclass(slots=True)
class Ours:
    """Jobs in the stack that the benchmark runs in."""

    name: str
    title: str
    configuration: str
    web: Web
    measures: frozenset[str]
    has_flower: bool = False
    kind: str = NOOP
    """The kind of jobs that do nothing."""
    environment: str = OURS
    client: str = "bench.peers.jobs"
    _done_before: int = field(default=0, init=False)
    _outcomes: Outcomes | None = field(default=None, init=False)

    def with_processes(self, processes: int) -> "OursApart":
        """Return the same system with that many worker processes, on the same addresses."""
        return OursApart(
            *(self.name, self.title, self.configuration, self.web, self.measures),
            environment=self.environment,
            processes=processes,
        )

    def variables(self, stack: Stack) -> dict[str, str]:
        """Variables that are not in the benchmark's own environment."""
        return {**stack.variables, "BENCH_KIND": self.kind}

    def empty(self, stack: Stack) -> None:
        """Let the workers finish the waiting jobs, then stop them; remember how many are done."""
        if stack.redis.zcard(waiting_key("short")):
            stack.start(*WORKERS)
        await_that(lambda: not _count_waiting(stack), "the short queue is empty", DRAIN_SECONDS)
        stack.stop(*WORKERS)
        self._switch_flower(stack)
        self._done_before = _count_succeeded(stack)
        self._outcomes = Outcomes.from_now_on(stack.settings.log_dir, SHORT_WORKER)

    def forget(self, stack: Stack) -> None:
        """Forget finished jobs, as if their retention were over."""
        forget_all(stack.redis)

    def _switch_flower(self, stack: Stack) -> None:
        """Start or stop Flower, which makes the workers send events and records them."""
        if self.has_flower:
            stack.start(FLOWER)
            stack.await_ready(FLOWER)
        else:
            stack.stop(FLOWER)

    @contextmanager
    def working(self, stack: Stack) -> Iterator[list[int]]:
        """Start the short queue's worker; the long queue's worker runs already, and is idle."""
        stack.start(LONG_WORKER)
        stack.await_ready(LONG_WORKER)
        stack.start(SHORT_WORKER)
        try:
            yield [stack.pid(SHORT_WORKER)]
        finally:
            stack.stop(*WORKERS)

    @contextmanager
    def serving(self, stack: Stack) -> Iterator[Server]:
        """Use the stack's web server, which runs all the time."""
        server = Server(f"http://127.0.0.1:{stack.settings.web_port}", stack.pid("web"))
        await_web(server.url, server.pid, "our web server")
        yield server

    @contextmanager
    def whole(self, stack: Stack) -> Iterator[Whole]:
        """Run web, both workers and the scheduler; Flower and the mail catcher do not count.

        All have just started: memory left by earlier measures is not an idle system's.
        """
        stack.wake()
        with self.working(stack), self.serving(stack) as server:
            stack.await_ready(SHORT_WORKER)
            yield Whole(server.url, {name: [stack.pid(name)] for name in PROGRAMS})

    def count_done(self, stack: Stack) -> int:
        """Count the jobs that are succeeded in the ledger."""
        return _count_succeeded(stack) - self._done_before

    def verify(self, stack: Stack, jobs: int) -> None:
        """Check that each job succeeded in the ledger and, maybe later, has its outcome line."""
        done = self.count_done(stack)
        if done != jobs:
            raise ValueError(f"{self.title}: {done} of {jobs} jobs succeeded.")
        what = f"{self.title} has an outcome line for each of {jobs} jobs"
        await_that(lambda: self._count_lines() == jobs, what, LINES_SECONDS)

    def _count_lines(self) -> int:
        return self._outcomes.count() if self._outcomes else 0


@dataclass(slots=True)
class OursApart(Ours):
    """The same programs with other settings, started by the benchmark."""

    processes: int = PROCESSES

    def variables(self, stack: Stack) -> dict[str, str]:
        """The settings that differ."""
        return {
            **stack.variables,
            "JOBS_BROKER_URL": stack.settings.broker_url,
            "JOBS_REDIS_URL": stack.settings.redis_url,
            "JOBS_QUEUES": f"short: concurrency={self.processes}; long",
            "JOBS_SHORT_CONCURRENCY": str(self.processes),  # for earlier commits
        }

    @contextmanager
    def working(self, stack: Stack) -> Iterator[list[int]]:
        """Start the short queue's worker as `deploy/native/supervisord.conf` does."""
        role = {"JOBS_ROLE": SHORT_WORKER, "REMAP_SIGTERM": "SIGQUIT", "USE_FAST_LOCALS": "1"}
        command = ("python", "-m", "project.worker", "short")
        variables = {**self.variables(stack), **role}
        with running(self.name, self.environment, [command], variables) as pids:
            yield pids

    @contextmanager
    def serving(self, stack: Stack) -> Iterator[Server]:
        """Start the web server on a free port."""
        claim, (port,) = claim_block(1)
        url = f"http://127.0.0.1:{port}"
        command = ("gunicorn", "--config", "deploy/gunicorn/gunicorn.conf.py", WEB)
        variables = {**self.variables(stack), "JOBS_ROLE": "web", "JOBS_WEB_PORT": str(port)}
        with claim, running(f"{self.name}.web", self.environment, [command], variables) as (pid,):
            await_web(url, pid, "our web server")
            yield Server(url, pid)


def _count_succeeded(stack: Stack) -> int:
    pipeline = stack.redis.pipeline(transaction=False)
    for key in ALL_DONE:
        pipeline.zcard(key)
    return sum(map(int, pipeline.execute()))


def _count_waiting(stack: Stack) -> int:
    return int(stack.redis.zcard(waiting_key("short")))
