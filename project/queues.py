"""The queues, each with its own worker, and how `JOBS_QUEUES` describes them. Pure.

    short; long; gpu: concurrency=1, prefetch=1, soft_stop=no

Everything else that depends on the queues is built from the result of `parse_queues`, or a test
compares it: RabbitMQ's topology, the workers, their roles and logs, the API's filters, the alerts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

DEFAULT_QUEUES = (
    "short: promise_seconds=30, concurrency=2, prefetch=0, soft_stop=yes; "
    "long: concurrency=2, prefetch=1, soft_stop=no"
)
"""The queues if JOBS_QUEUES is empty, and the default values of these queues otherwise.

Somebody waits for a short job. A long job takes minutes to hours, so nobody waits for it.
"""

WORKER_ROLE = "worker-"
"""The role of a queue's worker is this prefix and the queue's name."""

# Names become part of file names, RabbitMQ's routing keys, Redis's keys and program names.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
# The queue of dead letters, and the names of Celery's own queues.
_TAKEN = re.compile(r"dead|celery.*")


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """A queue and its worker."""

    name: str
    promise_seconds: float | None = None
    """Nineteen of twenty jobs of the queue take at most this long; None: no promise."""
    concurrency: int = 2
    """Processes of its worker's pool."""
    prefetch: int = 1
    """Messages that a worker process prefetches; 0: as many as it runs in a few milliseconds."""
    soft_stop: bool = True
    """Whether a stopping worker gives its jobs JOBS_SHUTDOWN_SECONDS to finish; otherwise it
    requeues them at once."""
    time_limit_seconds: float | None = None
    """The longest time limit that a kind of this queue may have; None: any."""

    @property
    def role(self) -> str:
        """The role of its worker."""
        return f"{WORKER_ROLE}{self.name}"


@lru_cache
def parse_queues(text: str) -> Mapping[str, QueueSettings]:
    """The queues by name, in order; a ValueError says in one sentence what to correct."""
    defaults = _parse(DEFAULT_QUEUES, {})
    return MappingProxyType(_parse(text, defaults) or defaults)


def find_queue(queues: Mapping[str, QueueSettings], role: str) -> QueueSettings | None:
    """The queue whose worker has that role; None if no queue's has."""
    return queues.get(role.removeprefix(WORKER_ROLE)) if role.startswith(WORKER_ROLE) else None


def choose_default(queues: Mapping[str, QueueSettings]) -> str:
    """The queue for a message that does not name one: the first queue."""
    return next(iter(queues))


def _parse(text: str, defaults: Mapping[str, QueueSettings]) -> dict[str, QueueSettings]:
    queues: dict[str, QueueSettings] = {}
    for entry in filter(None, map(str.strip, text.split(";"))):
        name, _, values = entry.partition(":")
        name = name.strip()
        _check_name(name)
        if name in queues:
            raise ValueError(f"JOBS_QUEUES: the queue {name} is named twice")
        queues[name] = replace(
            defaults.get(name, QueueSettings(name)), **_parse_values(name, values)
        )
    return queues


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"JOBS_QUEUES: {name!r} cannot name a queue: use at most 30 lower-case letters, digits "
            "and hyphens, starting with a letter"
        )
    if _TAKEN.fullmatch(name):
        raise ValueError(
            f"JOBS_QUEUES: {name} is a reserved name: choose another name for the queue"
        )


def _parse_values(queue: str, text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        key, _, value = (part.strip() for part in pair.partition("="))
        if key not in _READERS:
            raise ValueError(
                f"JOBS_QUEUES: {queue} has no value {key!r}; its values are {', '.join(_READERS)}"
            )
        if key in values:
            raise ValueError(f"JOBS_QUEUES: {queue} has {key} twice")
        reader, form = _READERS[key]
        values[key] = reader(value)
        if values[key] is None:
            raise ValueError(f"JOBS_QUEUES: {key} of {queue} must be {form}")
    return values


def _read_whole(least: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        is_right = re.fullmatch(r"[0-9]{1,4}", text) and int(text) >= least
        return int(text) if is_right else None

    return read


def _read_seconds(text: str) -> float | None:
    is_right = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) and float(text) > 0
    return float(text) if is_right else None


def _read_answer(text: str) -> bool | None:
    return {"yes": True, "no": False}.get(text)


_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "promise_seconds": (_read_seconds, "seconds above 0"),
    "concurrency": (_read_whole(1), "a whole number from 1 to 9999"),
    "prefetch": (_read_whole(0), "a whole number from 0 to 9999"),
    "soft_stop": (_read_answer, "yes or no"),
    "time_limit_seconds": (_read_seconds, "seconds above 0"),
}
"""For each value, a reader that returns None for invalid text, and what the text must be."""
