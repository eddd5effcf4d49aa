"""What can happen to a stack. Each trouble is done when its block begins, and undone at its end."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from urllib.parse import quote

from redis import Redis

from deploy.rabbitmq.definitions import virtual_host
from project.ledger.attempts import LAST_CALL_SECONDS, LEASE_SECONDS
from tests.faults.clock import Clock
from tests.faults.journal import Journal
from tests.faults.stack import Stack, halted, kill_process
from tests.waiting import wait_until

BUSY_SECONDS = 20
TINY_SHARE = "0.000001"
NORMAL_SHARE = "0.4"
"""As in deploy/rabbitmq/rabbitmq.conf."""
CUTS_SECONDS = 2.0
CLOCK_SECONDS = 3600
"""Well above a lease, and above what a storm waits for its jobs to end."""

Trouble = Callable[["Scene"], AbstractContextManager[None]]


class Scene:
    """A stack under load, and where its jobs keep their journal."""

    def __init__(self, stack: Stack, journal: Journal, random: Random) -> None:
        self.stack = stack
        self.journal = journal
        self.random = random


@contextmanager
def pool_child_killed(scene: Scene) -> Iterator[None]:
    """One process of a pool dies while it runs a job."""
    kill_process(_busy_child(scene, scene.random.choice(("worker-short", "worker-long"))))
    yield


@contextmanager
def busy_child_frozen(scene: Scene) -> Iterator[None]:
    """A process stands still with its job until its message is given out again, then goes on."""
    with halted([_busy_child(scene, "worker-long")]):
        _cut_broker(scene.stack)
        yield


def _busy_child(scene: Scene, program: str) -> int:
    """A process of the pool that runs a job."""

    def busy() -> list[int]:
        # Those there are now: a worker that has found its broker again makes new ones.
        pool = set(scene.stack.children(program))
        return [run.pid for run in scene.journal.read() if not run.ended_ns and run.pid in pool]

    return wait_until(busy, BUSY_SECONDS, f"a job that runs in {program}")[-1]


def program_killed(program: str) -> Trouble:
    """A program and all of its processes die at one moment."""

    @contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        pid = scene.stack.pid(program)
        scene.stack.kill(program)
        yield
        scene.stack.await_new(program, pid)

    return trouble


@contextmanager
def web_worker_killed(scene: Scene) -> Iterator[None]:
    """One of the web server's processes dies; its master makes a new one."""
    kill_process(scene.random.choice(scene.stack.children("web")))
    yield


@contextmanager
def workers_restarted(scene: Scene) -> Iterator[None]:
    """Both pools are replaced one after the other, as for a new version."""
    for program in ("worker-short", "worker-long"):
        pid = scene.stack.pid(program)
        scene.stack.stop_softly(program)
        scene.stack.await_new(program, pid)
        scene.stack.await_whole()
    yield


def program_stopped(program: str) -> Trouble:
    """A server is stopped in order, and started at the end."""

    @contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        with scene.stack.stopped(program):
            yield

    return trouble


def program_frozen(program: str) -> Trouble:
    """A server does nothing any more, and closes nothing."""

    @contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        with halted([scene.stack.pid(program)]):
            yield

    return trouble


@contextmanager
def broker_out_of_memory(scene: Scene) -> Iterator[None]:
    """RabbitMQ's memory alarm: it reads no more from connections that have published."""
    scene.stack.control_broker("set_vm_memory_high_watermark", TINY_SHARE)
    try:
        yield
    finally:
        scene.stack.control_broker("set_vm_memory_high_watermark", NORMAL_SHARE)


@contextmanager
def redis_full(scene: Scene) -> Iterator[None]:
    """Redis refuses every write."""
    scene.stack.redis.config_set("maxmemory", "1")
    try:
        yield
    finally:
        scene.stack.redis.config_set("maxmemory", "0")


@contextmanager
def redis_connections_cut(scene: Scene) -> Iterator[None]:
    """All clients of Redis lose their connections, several times in a row."""
    with _again_and_again(lambda: _cut_redis(scene.stack.redis)):
        yield


def _cut_redis(redis: "Redis") -> None:
    for sort in ("normal", "pubsub"):
        redis.execute_command("CLIENT", "KILL", "TYPE", sort, "SKIPME", "yes")


@contextmanager
def broker_connections_cut(scene: Scene) -> Iterator[None]:
    """RabbitMQ closes all connections, several times in a row, with confirms under way."""
    with _again_and_again(lambda: _cut_broker(scene.stack)):
        yield


@contextmanager
def one_connection_cut(scene: Scene) -> Iterator[None]:
    """RabbitMQ closes one connection, most often that of a process that consumes."""
    # RabbitMQ tells of connections some seconds after it has started.
    found = wait_until(
        lambda: _broker_connections(scene.stack), BUSY_SECONDS, "RabbitMQ to list a connection"
    )
    _cut(scene.stack, scene.random.choice(found))
    yield


def _cut_broker(stack: Stack) -> None:
    for connection in _broker_connections(stack):
        _cut(stack, connection)


def _broker_connections(stack: Stack) -> list[str]:
    host = quote(virtual_host(stack.settings), safe="")
    found = stack.administrator.call("GET", f"vhosts/{host}/connections")
    return [connection["name"] for connection in found]


def _cut(stack: Stack, connection: str) -> None:
    with suppress(AssertionError):  # it has ended by itself meanwhile
        stack.administrator.call("DELETE", f"connections/{quote(connection, safe='')}")


@contextmanager
def _again_and_again(act: Callable[[], None]) -> Iterator[None]:
    deadline = time.monotonic() + CUTS_SECONDS

    def is_over() -> bool:
        act()
        return time.monotonic() > deadline

    wait_until(is_over, CUTS_SECONDS * 10)
    yield


@contextmanager
def logs_full(scene: Scene) -> Iterator[None]:
    """Every write to the log files fails with ENOSPC: /dev/full takes their places."""
    folder = scene.stack.settings.log_dir
    paths = [path for path in folder.glob("*.jsonl") if not path.name.startswith("rabbitmq")]
    for path in paths:  # in one step: a writer that finds no file of that name makes one
        _aside(path).hardlink_to(path)
        full = path.with_suffix(".full")
        full.symlink_to("/dev/full")
        full.replace(path)
    try:
        yield
    finally:
        for path in paths:
            _aside(path).replace(path)


def _aside(path: Path) -> Path:
    return path.with_suffix(".aside")


def pool_frozen(program: str) -> Trouble:
    """A whole pool stands still, so that its leases run out, and goes on as if nothing had been."""

    @contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        with scene.stack.pool_frozen(program):
            yield

    return trouble


def clock_moved(seconds: int) -> Trouble:
    """The wall clock jumps for all programs, and back at the end."""

    @contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        clock = Clock(scene.journal.folder)
        clock.move(seconds)
        try:
            yield
        finally:
            clock.move(0)

    return trouble


def both(first: Trouble, second: Trouble) -> Trouble:
    """Two troubles at one time."""

    @contextmanager
    def trouble(scene: Scene) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(first(scene))
            stack.enter_context(second(scene))
            yield

    return trouble


TROUBLES: dict[str, Trouble] = {
    "pool child killed": pool_child_killed,
    "short pool killed": program_killed("worker-short"),
    "long pool killed": program_killed("worker-long"),
    "workers restarted": workers_restarted,
    "busy child frozen": busy_child_frozen,
    "short pool frozen": pool_frozen("worker-short"),
    "web worker killed": web_worker_killed,
    "web killed": program_killed("web"),
    "broker stopped": program_stopped("rabbitmq"),
    "broker killed": program_killed("rabbitmq"),
    "broker frozen": program_frozen("rabbitmq"),
    "broker out of memory": broker_out_of_memory,
    "broker connections cut": broker_connections_cut,
    "one connection cut": one_connection_cut,
    "Redis stopped": program_stopped("redis"),
    "Redis killed": program_killed("redis"),
    "Redis frozen": program_frozen("redis"),
    "Redis full": redis_full,
    "Redis connections cut": redis_connections_cut,
    "logs full": logs_full,
    "broker and Redis killed": both(program_killed("rabbitmq"), program_killed("redis")),
    "broker frozen, Redis stopped": both(program_frozen("rabbitmq"), program_stopped("redis")),
}

CLOCK_TROUBLES: dict[str, Trouble] = {
    "clock put forward": clock_moved(CLOCK_SECONDS),
    "clock put back": clock_moved(-CLOCK_SECONDS),
}
"""For a stack whose programs were started with a clock (`clock.py`) in the journal's folder."""

SECONDS = {"busy child frozen": LEASE_SECONDS + LAST_CALL_SECONDS + 10.0}
"""How long a trouble lasts that needs its time: here the lease and its last call run out."""

WEB_TROUBLES = frozenset({"web worker killed", "web killed"})
"""A request may go without an answer while these last."""
