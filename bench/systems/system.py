"""What the measures need of a system."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from bench.stack import Stack


@dataclass(frozen=True, slots=True)
class Web:
    """A system's web server: where it is asked, and with what."""

    post_path: str
    body: str
    get_path: str
    """With `{id}` where the job's id goes; empty where nothing can be asked."""
    id_field: str


@dataclass(frozen=True, slots=True)
class Server:
    """A web server that runs: its address, and its main process."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Whole:
    """All programs of a system that run: the web server's address, process ids by program."""

    url: str
    programs: dict[str, list[int]]


PROCESSES = 2
"""Worker processes of a system, unless a measure wants others."""
WEB_PROCESSES = 2
"""Of each web server, beside its first one."""


class System(Protocol):
    """One configuration of one system."""

    @property
    def name(self) -> str:
        """What `--systems` calls it."""

    @property
    def title(self) -> str:
        """What the report calls it."""

    @property
    def configuration(self) -> str:
        """How it is set up, in a sentence."""

    @property
    def environment(self) -> str:
        """The environment of its client and its programs."""

    @property
    def client(self) -> str:
        """The module that `bench.peers.driver` drives."""

    @property
    def measures(self) -> frozenset[str]:
        """The measures that it takes part in."""

    @property
    def web(self) -> Web | None:
        """Its web server, where it has one."""

    def with_processes(self, processes: int) -> "System":
        """The same with so many worker processes, which use the addresses that the stack has."""

    def variables(self, stack: Stack) -> dict[str, str]:
        """What its programs and its client read from their environment."""

    def empty(self, stack: Stack) -> None:
        """No job waits and no worker runs afterwards."""

    def forget(self, stack: Stack) -> None:
        """Have the jobs that are done take no memory any more; no worker runs."""

    def working(self, stack: Stack) -> AbstractContextManager[list[int]]:
        """Workers run while the block lasts; the ids of their main processes."""

    def serving(self, stack: Stack) -> AbstractContextManager[Server]:
        """Its web server runs while the block lasts."""

    def whole(self, stack: Stack) -> AbstractContextManager[Whole]:
        """All its programs run while the block lasts, as in production on one machine."""

    def count_done(self, stack: Stack) -> int:
        """Jobs whose result is stored, since it was emptied; cheap."""

    def verify(self, stack: Stack, jobs: int) -> None:
        """ValueError unless so many jobs are done, by all that the system has to tell."""
