"""A storm over the Docker Compose stack: its troubles are done to whole containers."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from tests.deploy.stack import LOGS, Stack, free_ports, require_engine
from tests.faults.journal import Journal
from tests.faults.load import Load, Traffic
from tests.faults.log_verdict import read
from tests.faults.storm import Storm
from tests.waiting import wait_until

FILES = "docker-compose.yml:tests/faults/compose.yml"
JOURNAL = "/journal"
READY_SECONDS = 180
DOCKER_SECONDS = 120

Trouble = Callable[[Stack], AbstractContextManager[None]]


@contextmanager
def composed(folder: Path) -> Iterator[Stack]:
    """A running Compose stack whose jobs keep their journal in the folder."""
    require_engine()
    # Compose reads these from its environment, which the stack's own calls pass on.
    os.environ |= {"COMPOSE_FILE": FILES, "STORM_JOURNAL": str(folder)}
    folder.chmod(0o755)
    stack = Stack(free_ports())
    try:
        stack.build()
        stack.up()
        yield stack
    finally:
        stack.remove()


def make_storm(
    stack: Stack,
    folder: Path,
    traffic: Traffic,
    say: Callable[[str], None],
) -> Storm:
    """A storm whose jobs keep their journal in the folder."""
    journal = Journal(folder)
    journal.make()
    # The log folder is the checkout's: what others have written before is not ours.
    known = {path: path.stat().st_size for path in LOGS.glob("*.jsonl*")}
    return Storm(
        troubles={name: partial(trouble, stack) for name, trouble in TROUBLES.items()},
        journal=journal,
        make_load=lambda trouble: Load(stack.url(""), JOURNAL, traffic, trouble),
        await_whole=partial(await_healthy, stack),
        read_log=lambda: read(_read_from(known), ()),
        web_troubles=WEB_TROUBLES,
        say=say,
    )


def await_healthy(stack: Stack) -> None:
    """Wait until every container runs and says that it is well."""

    def is_well() -> bool:
        states = [container["State"] for container in stack.containers()]
        return all(state.get("Health", {}).get("Status") == "healthy" for state in states)

    wait_until(is_well, READY_SECONDS, "all containers to be healthy")


def done_and_undone(service: str, do: str, undo: str) -> Trouble:
    """One command of the engine to the service's containers, and at the end another one."""

    @contextmanager
    def trouble(stack: Stack) -> Iterator[None]:
        ids = [container["Id"] for container in stack.containers(service)]
        _docker(do, *ids)
        try:
            yield
        finally:
            _docker(undo, *ids)

    return trouble


def _docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True, timeout=DOCKER_SECONDS)


def _read_from(known: dict[Path, int]) -> Iterator[str]:
    for path in LOGS.glob("*.jsonl*"):
        with path.open(errors="replace") as file:
            file.seek(known.get(path, 0))
            yield from file


TROUBLES: dict[str, Trouble] = {
    f"{service} {name}": done_and_undone(service, do, undo)
    for service in ("rabbitmq", "redis", "worker-short", "worker-long", "web")
    for name, do, undo in (
        ("killed", "kill", "start"),
        ("stopped", "stop", "start"),
        ("paused", "pause", "unpause"),
    )
    # A web server that stands still is no answer at all: nothing is promised then.
    if (service, name) != ("web", "paused")
}
WEB_TROUBLES = frozenset(name for name in TROUBLES if name.startswith("web "))
