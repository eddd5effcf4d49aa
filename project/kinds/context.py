"""What a job may use besides its parameters: progress, files, children, mail, a log of its own.

A unit test calls a kind's function with `Context()`, or gives it what it needs:
`Context(files=JobFiles(FileStore(str(tmp_path))))`.
"""

import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, cast

import structlog

from project.errors import DefinitionError, PermanentError
from project.kinds.mail import Mail, NoMail


class Files(Protocol):
    """Where a job's files come from and go to, by the ids that the store gave them.

    What an attempt makes is removed again where it does not succeed.
    """

    @property
    def folder(self) -> Path:
        """An empty folder of the attempt's own; removed when it ends."""

    def path(self, file_id: str) -> Path:
        """The file, to be read only; NotFoundError where there is none."""

    def size(self, file_id: str) -> int:
        """How many bytes it has; NotFoundError where there is none."""

    def write(self, content: bytes, suffix: str) -> str:
        """Keep the bytes, as in `write(content, ".webp")`; the new file's id."""

    def add(self, path: Path, suffix: str = "") -> str:
        """Keep a file of `folder`, which is moved; the new file's id."""

    def sweep(self) -> int:
        """Remove the files that no job holds (any more); how many they were."""


class NoFiles:
    """Stands in where a job is called without a store."""

    def __getattr__(self, name: str) -> Any:
        raise DefinitionError(f"This context has no files: {name} needs some.")


@dataclass(frozen=True, slots=True)
class Child:
    """A job that this one has submitted."""

    id: str
    kind: str
    key: str
    status: str
    """As the API tells it; `succeeded`, `failed`, `cancelled` or `dead` once it has ended."""
    result: Any = None
    error: str = ""
    """Why it did not succeed."""

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing more to come."""
        return self.status in {"succeeded", "failed", "cancelled", "dead"}

    @property
    def has_succeeded(self) -> bool:
        """Whether there is a result."""
        return self.status == "succeeded"


def require_all(children: Sequence[Child]) -> None:
    """PermanentError where not all of them have succeeded: it names the first ones that have not.

    Where the job is run again, only those are.
    """
    failed = [child for child in children if not child.has_succeeded]
    if failed:
        named = "; ".join(
            f"{child.key or child.id}: {(child.error or child.status).rstrip('.')}"
            for child in failed[:3]
        )
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        raise PermanentError(
            f"{len(failed)} of {len(children)} parts did not succeed ({named}{more}). "
            "Run it again, and only these are run."
        )


def _ignore_progress(done: float, total: float, step: str = "") -> None:
    """Without a worker nobody watches."""


def _never_stopped() -> None:
    """Without a worker nobody cancels."""


def _no_history(since: datetime) -> Iterable[Mapping[str, Any]]:
    raise DefinitionError("This context knows of no jobs.")


def _no_children(kind: str, parameters: Mapping[str, Any], key: str = "") -> str:
    raise DefinitionError("This context submits no jobs.")


def _no_many(calls: Sequence[tuple[str, Mapping[str, Any], str]]) -> list[str]:
    raise DefinitionError("This context submits no jobs.")


def _nothing_submitted(job_ids: Sequence[str], *_: Any, **__: Any) -> list[Child]:
    raise DefinitionError("This context has submitted no jobs.")


@dataclass(frozen=True, slots=True)
class Context:
    """What a job may use besides its parameters."""

    job_id: str = ""
    """Empty where the function is called without a worker."""
    attempt: int = 1
    report_progress: Callable[..., None] = _ignore_progress
    """`report_progress(done, total, step="")`: shown live; cheap. Raises as `check` does."""
    check: Callable[[], None] = _never_stopped
    """Raises CancelledError where the job was cancelled, or runs elsewhere by now. Cheap."""
    ends_at: float = float("inf")
    """Reading of `time.monotonic` at which the job is interrupted for its time limit."""
    submit: Callable[..., str] = _no_children
    """`submit(kind, parameters, key="")`: a child job's id. The same call in another attempt is the
    same child: its key, or else its place in the order of calls, says which. Children are cancelled
    with their parent. Raises InvalidInputError, UnavailableError or QueueFullError."""
    submit_many: Callable[[Sequence[tuple[str, Mapping[str, Any], str]]], list[str]] = _no_many
    """The same for many, each as (kind, parameters, key), in few round trips."""
    look: Callable[[Sequence[str]], list[Child]] = _nothing_submitted
    """`look(job_ids)`: these children as they are now."""
    gather: Callable[..., list[Child]] = _nothing_submitted
    """`gather(job_ids, wake_on="all", ended=0, total=None, step="…")`: these children, in their
    order, once all have ended (with "any": once at least one has). Until then the attempt ends here
    and takes no worker: the function is run again from its start, and comes to the same call. Where
    they are not all parts, `ended` of `total` others say so in the job's progress."""
    memory: MutableMapping[str, Any] = field(default_factory=dict)
    """Small JSON values by name that outlive the attempt: another one finds what was put here, even
    where this one's process is killed in the next moment."""
    files: Files = field(default_factory=lambda: cast(Files, NoFiles()))
    mail: Mail = field(default_factory=lambda: cast(Mail, NoMail()))
    list_jobs: Callable[[datetime], Iterable[Mapping[str, Any]]] = _no_history
    """`list_jobs(since)`: what is known of the jobs submitted since then, newest first: `kind`,
    `queue`, `status`, `submitted_at` (text), `attempts`, `wait_seconds`, `run_seconds`."""
    trace_headers: Mapping[str, str] = field(default_factory=dict)
    """Headers for HTTP calls that the job makes, so that the other side's traces and logs join."""
    allowed_networks: tuple[str, ...] = ()
    """Networks that are not public, as in `10.1.0.0/16`, and that jobs may nevertheless call."""
    sleep: Callable[[float], None] = field(default=time.sleep)
    log: Any = field(default_factory=structlog.get_logger)
    """The job's own log, a structlog logger: `log.info("page_read", links=7)`."""

    def remaining_seconds(self) -> float:
        """How long the job may still run before it is interrupted."""
        return self.ends_at - time.monotonic()
