"""What a job may use besides its parameters: progress, files, child jobs, mail, its log.

A unit test calls a kind's function with `Context()`, or passes what it needs:
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
    """Reads and stores a job's files by the ids that the store assigned.

    If an attempt does not succeed, the files that it stored are removed.
    """

    @property
    def folder(self) -> Path:
        """The attempt's own folder, empty at its start and removed at its end."""

    def path(self, file_id: str) -> Path:
        """The path of the file, for reading only; NotFoundError if there is no such file."""

    def size(self, file_id: str) -> int:
        """The file's size in bytes; NotFoundError if there is no such file."""

    def write(self, content: bytes, suffix: str) -> str:
        """Store the bytes, as in `write(content, ".webp")`; returns the new file's id."""

    def add(self, path: Path, suffix: str = "") -> str:
        """Move a file from `folder` to the store; returns the new file's id."""

    def sweep(self) -> int:
        """Remove the files that no job holds; returns how many were removed."""


class NoFiles:
    """Used when a job is called without a file store."""

    def __getattr__(self, name: str) -> Any:
        raise DefinitionError(f"This context has no files, but {name} needs them.")


@dataclass(frozen=True, slots=True)
class Child:
    """A child job of this job."""

    id: str
    kind: str
    key: str
    status: str
    """As in the API; `succeeded`, `failed`, `cancelled` or `dead` once it is finished."""
    result: Any = None
    error: str = ""
    """Why it did not succeed; empty if it did."""

    @property
    def is_finished(self) -> bool:
        """Whether its status is one of the four finished ones."""
        return self.status in {"succeeded", "failed", "cancelled", "dead"}

    @property
    def has_succeeded(self) -> bool:
        """Whether it has a result."""
        return self.status == "succeeded"


def require_all(children: Sequence[Child]) -> None:
    """Raise PermanentError unless all have succeeded; it names the first three that have not.

    A rerun of the job runs only the child jobs that have not succeeded.
    """
    failed = [child for child in children if not child.has_succeeded]
    if failed:
        named = "; ".join(
            f"{child.key or child.id}: {(child.error or child.status).rstrip('.')}"
            for child in failed[:3]
        )
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        raise PermanentError(
            f"{len(failed)} of {len(children)} child jobs did not succeed ({named}{more}). "
            "Rerun the job to run only these."
        )


def _ignore_progress(done: float, total: float, step: str = "") -> None:
    """Without a worker nobody reads the progress."""


def _never_stopped() -> None:
    """Without a worker nobody cancels the job."""


def _no_history(since: datetime) -> Iterable[Mapping[str, Any]]:
    raise DefinitionError("This context cannot list jobs: pass `list_jobs`.")


def _no_children(kind: str, parameters: Mapping[str, Any], key: str = "") -> str:
    raise DefinitionError("This context cannot submit jobs.")


def _no_many(calls: Sequence[tuple[str, Mapping[str, Any], str]]) -> list[str]:
    raise DefinitionError("This context cannot submit jobs.")


def _nothing_submitted(job_ids: Sequence[str], *_: Any, **__: Any) -> list[Child]:
    raise DefinitionError("This context cannot submit jobs, so it has no child jobs.")


@dataclass(frozen=True, slots=True)
class Context:
    """What a job may use besides its parameters."""

    job_id: str = ""
    """Empty if the function is called without a worker."""
    attempt: int = 1
    report_progress: Callable[..., None] = _ignore_progress
    """`report_progress(done, total, step="")` shows progress live. Cheap; raises like `check`."""
    check: Callable[[], None] = _never_stopped
    """Raises CancelledError if the job was cancelled or now runs elsewhere. Cheap."""
    ends_at: float = float("inf")
    """The value of `time.monotonic()` at which the time limit interrupts the job."""
    submit: Callable[..., str] = _no_children
    """`submit(kind, parameters, key="")` submits a child job and returns its id. The same call in a
    later attempt returns the same child job, found by its key or, without one, by its place in the
    order of calls. Cancelling the parent cancels its child jobs. Raises InvalidInputError,
    UnavailableError or QueueFullError."""
    submit_many: Callable[[Sequence[tuple[str, Mapping[str, Any], str]]], list[str]] = _no_many
    """Submits many child jobs, each given as (kind, parameters, key), in few round trips."""
    look: Callable[[Sequence[str]], list[Child]] = _nothing_submitted
    """`look(job_ids)` returns these child jobs as they are now."""
    gather: Callable[..., list[Child]] = _nothing_submitted
    """`gather(job_ids, wake_on="all", finished=0, total=None, step="…")` returns these children,
    in the order of the ids, once all are finished (with "any": once at least one is). Until then it
    ends the attempt, so that the job occupies no worker process; later the function runs again from
    its start and reaches the same call. If these are not all of the job's child jobs, `total` is
    how many there are, and `finished` how many of the others are finished, for the progress."""
    memory: MutableMapping[str, Any] = field(default_factory=dict)
    """Small JSON values by name that outlive the attempt: the next attempt finds each stored value,
    even if this attempt's process is killed immediately afterwards."""
    files: Files = field(default_factory=lambda: cast(Files, NoFiles()))
    mail: Mail = field(default_factory=lambda: cast(Mail, NoMail()))
    list_jobs: Callable[[datetime], Iterable[Mapping[str, Any]]] = _no_history
    """`list_jobs(since)` yields the jobs submitted since then, newest first, each with `kind`,
    `queue`, `status`, `submitted_at` (text), `attempts`, `wait_seconds`, `run_seconds`."""
    trace_headers: Mapping[str, str] = field(default_factory=dict)
    """Headers for HTTP calls that the job makes, so that the other side joins the job's trace."""
    allowed_networks: tuple[str, ...] = ()
    """Private networks, such as `10.1.0.0/16`, that jobs may call."""
    sleep: Callable[[float], None] = field(default=time.sleep)
    log: Any = field(default_factory=structlog.get_logger)
    """The job's own log, a structlog logger: `log.info("page_read", links=7)`."""

    def remaining_seconds(self) -> float:
        """Seconds until the time limit interrupts the job."""
        return self.ends_at - time.monotonic()
