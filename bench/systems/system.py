"""The interface of a system that the measures use."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from bench.stack import Stack


@dataclass(frozen=True, slots=True)
class Web:
    """A system's web server: its paths and requests."""

    post_path: str
    body: str
    get_path: str
    """Path with `{id}` for the job's id; empty if there is no such path."""
    id_field: str


@dataclass(frozen=True, slots=True)
class Server:
    """A running web server: its address and main process."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Whole:
    """All running programs of a system: the web server's address, process ids by program."""

    url: str
    programs: dict[str, list[int]]


PROCESSES = 2
"""Worker processes of a system, unless a measure sets another number."""
WEB_PROCESSES = 2
"""Processes of each web server, without its first one."""


class System(Protocol):
    """A configuration of a system."""

    @property
    def name(self) -> str:
        """Name for `--systems`."""

    @property
    def title(self) -> str:
        """Title in the report."""

    @property
    def configuration(self) -> str:
        """Its configuration, in a sentence."""

    @property
    def environment(self) -> str:
        """Environment of its client and its programs."""

    @property
    def client(self) -> str:
        """Module that `bench.peers.driver` drives."""

    @property
    def measures(self) -> frozenset[str]:
        """Measures that it takes part in."""

    @property
    def web(self) -> Web | None:
        """Its web server, if it has one."""

    def with_processes(self, processes: int) -> "System":
        """Return the same system with that many worker processes, on the same addresses."""

    def variables(self, stack: Stack) -> dict[str, str]:
        """Return the variables that its programs and its client read."""

    def empty(self, stack: Stack) -> None:
        """Remove waiting jobs, and stop all workers."""

    def forget(self, stack: Stack) -> None:
        """Remove finished jobs from memory; no worker runs."""

    def working(self, stack: Stack) -> AbstractContextManager[list[int]]:
        """Run its workers while the block lasts; yield the ids of their main processes."""

    def serving(self, stack: Stack) -> AbstractContextManager[Server]:
        """Run its web server while the block lasts."""

    def whole(self, stack: Stack) -> AbstractContextManager[Whole]:
        """Run all its programs while the block lasts, like in production on one machine."""

    def count_done(self, stack: Stack) -> int:
        """Count the jobs with a stored result since it was emptied; cheap."""

    def verify(self, stack: Stack, jobs: int) -> None:
        """Raise ValueError unless that many jobs are done, by all of the system's records."""
