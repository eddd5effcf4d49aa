"""Takes the steps of jobs: calls the scripts, and has steps wait that may go with the next call."""

from collections.abc import Callable, Collection, Sequence
from importlib.resources import files
from threading import RLock
from typing import Any

from redis import Redis, RedisError

from project.errors import TransitionError
from project.ledger.job import (
    CONFIRMED,
    FINISHED,
    PENDING,
    SOURCES,
    AttemptOutcome,
    Job,
    Status,
)
from project.ledger.keys import job_key, result_key
from project.ledger.record import (
    as_microseconds,
    as_milliseconds,
    decode_job,
    encode_fields,
    encode_job,
    encode_json,
)
from project.ledger.retention import Retention
from project.ledger.script_client import Item, ScriptClient
from project.ledger.startup_grace import GraceScript

Deferred = tuple[Item | None, Callable[[Any], None]]
"""A step that waits, and what to call with its answer; no step: call it after those before."""

OWNER_LIMIT = 200
"""Newest jobs that are remembered per owner."""


class Steps:
    """Changes jobs: each step is one atomic call of a script, or a part of one.

    `redis` must decode responses; its own errors pass through. `on_release` is called with each job
    that has waited for its children and goes on, for it needs a message. None: the reconciler finds
    it after a while.
    """

    def __init__(
        self,
        redis: "Redis",
        retention: Retention,
        on_release: Callable[[Job], None] | None = None,
    ) -> None:
        self.retention = retention
        self._on_release = on_release
        self._client = ScriptClient(redis)
        self._lock = RLock()
        self._deferred: list[Deferred] = []
        self._scripts: dict[str, Any] = {
            **{name: redis.register_script(read_each(name)) for name in EACH},
            **{name: redis.register_script(read_single(name)) for name in SINGLE},
        }
        self._work = GraceScript(redis, read_each(*WORK))

    # ── One step ───────────────────────────────────────────────────────────────────────────────

    def move(
        self,
        job_id: str,
        status: Status | None,
        *,
        sources: Collection[Status] = (),
        attempt: int | None = None,
        celery_result: str = "",
        fallback: Job | None = None,
        kind: str = "",
        archive: AttemptOutcome | None = None,
        due: int | None = None,
        release: int | None = None,
        overdue: bool | None = None,
        grace: int | None = None,
        by: str | None = None,
        **changes: Any,
    ) -> Job:
        """The job gets that status, or with None keeps its own: see `move.lua`.

        It must have one of `sources`, by default those that the table names for the new status; or
        else TransitionError.
        """
        sources = sources or (SOURCES[status] if status else ())
        step = {
            "id": job_id,
            "sources": {str(source): True for source in sources},
            "set": encode_fields({"status": status, **changes}),
            "attempt": None if attempt is None else str(attempt),
            "keep": self.retention.seconds_for(status, kind)
            if status and status.is_finished
            else None,
            "result": celery_result or None,
            "fallback": self.describe_lost(fallback) if fallback else None,
            "archive": archive,
            "due": due,
            "release": release,
            "overdue": overdue,
            "grace": grace,
            "by": by,
        }
        present = {name: value for name, value in step.items() if value is not None}
        keys = [job_key(job_id), result_key(job_id)]
        answer = self.call("move", keys, [encode_json(present)])
        moved = read_moved(job_id, status, answer)
        self.note_release(answer)
        return moved

    def describe_lost(self, job: Job) -> dict[str, Any]:
        """What a script makes the record of, where Redis has lost it: see `restore`."""
        described: dict[str, Any] = {
            "fields": encode_job(job),
            "order": str(as_microseconds(job.submitted_at)),
            "owner_limit": OWNER_LIMIT,
            "owner_seconds": self.retention.longest_seconds,
        }
        if job.run_at:
            described["due"] = as_milliseconds(job.run_at)
        return described

    def note_release(self, answer: Sequence[Any]) -> None:
        """A job has ended; behind the rest of the answer is the parent that goes on now, if any."""
        if len(answer) > 2 and self._on_release is not None:
            self._on_release(decode_answer(answer[2]))

    def call(self, name: str, keys: list[str], arguments: list[str]) -> list[Any]:
        """The answer of a script that takes one step; what was deferred goes before it."""
        return _answer(*self._call(calls=[(self._scripts[name], keys, arguments)]))

    def work(self, item: Item) -> list[Any]:
        """The answer of a step that workers take, in the same call as what was deferred."""
        return _answer(*self._call([item]))

    # ── Several steps in one round trip ────────────────────────────────────────────────────────

    def work_each(self, items: Sequence[Item]) -> list[Any]:
        """An answer for each; what was deferred goes before them, in the same calls."""
        return self._call(items)

    def call_each(self, name: str, items: Sequence[Item]) -> list[Any]:
        """An answer or error for each step, whose script is `name`. Nothing deferred goes along."""
        return self._client.call_each(self._scripts[name], items)

    def release(self, items: Sequence[Item]) -> None:
        """Give up reservations. Nothing deferred goes along: it may be another thread's."""
        self._client.call_each(self._work, items)

    def defer(self, item: Item, note: Callable[[Any], None]) -> None:
        """Send the step with the next one, or by `flush`. Calls `note` with its answer or error."""
        self._deferred.append((item, note))

    def when_written(self, act: Callable[[], None]) -> None:
        """Call `act` once all that is deferred by now has been answered."""
        with self._lock:
            if not self._deferred:
                act()
            else:
                self._deferred.append((None, lambda _: act()))

    def flush(self) -> None:
        """Take the steps that were deferred."""
        if self._deferred:
            self._call()

    def flush_by(self, others: "Steps") -> None:
        """The same from another thread, by the client of those that do not wait long for Redis.

        Nothing is done while this one's own thread takes a step, which takes them along.
        """
        if self._lock.acquire(blocking=False):
            try:
                if self._deferred:
                    self._call(client=others._client)  # noqa: SLF001 - another of this class
            finally:
                self._lock.release()

    @property
    def has_deferred(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._deferred)

    def _call(
        self,
        items: Sequence[Item] = (),
        calls: Sequence[Any] = (),
        client: ScriptClient | None = None,
    ) -> list[Any]:
        """Answers, or errors. What was deferred goes first, in the same round trip."""
        with self._lock:
            deferred, self._deferred = self._deferred, []
            first = [item for item, _ in deferred if item is not None]
            try:
                answers = (client or self._client).call_each(self._work, [*first, *items], calls)
            except BaseException:  # a time limit, say, while Redis is away
                self._deferred = deferred + self._deferred
                raise
            place = 0
            for item, note in deferred:
                note(None if item is None else answers[place])
                place += item is not None
        return answers[place:]


# ── The scripts ────────────────────────────────────────────────────────────────────────────────

WORK = ("claim", "succeed", "reserve", "release")
"""What workers do all the time: any of these steps share a call."""
EACH = ("record", "confirm", "renew")
"""Each is taken for many jobs in one call."""
SINGLE = ("move", "wait", "recheck", "trim")


def read_single(name: str) -> str:
    """A script, behind what all of them share."""
    return read_shared() + _read(name)


def read_each(*names: str) -> str:
    """A script that takes steps of many jobs in one call: see `each.lua`."""
    items = (f"function items.{name}(KEYS, ARGV)\n{_read(name)}\nend\n" for name in names)
    return f"{read_shared()}local items = {{}}\n{''.join(items)}{_read('each')}"


def write_tables() -> str:
    """The statuses, in Lua: `job` is the one place that says what they allow."""
    sets = {
        "FINISHED": FINISHED,
        "PENDING": PENDING,
        "CONFIRMED": CONFIRMED,
        "CLAIMABLE": SOURCES[Status.RUNNING],
    }
    names = ", ".join(f"'{status}'" for status in Status)
    lines = [f"local STATUSES = {{ {names} }}"]
    for name, statuses in sets.items():
        members = ", ".join(f"{status} = true" for status in sorted(statuses))
        lines.append(f"local {name} = {{ {members} }}")
    return "\n".join(lines) + "\n"


def read_shared() -> str:
    """What stands before each script."""
    return write_tables() + _read("prelude")


def _read(name: str) -> str:
    return files(__package__).joinpath("scripts", f"{name}.lua").read_text()


def _answer(answer: Any) -> list[Any]:
    if isinstance(answer, RedisError):
        raise answer
    return list(answer)


def read_moved(job_id: str, status: Status | None, answer: Sequence[Any]) -> Job:
    """The job that the answer has; TransitionError where it says that nothing was done."""
    if answer[0] == "starting":
        raise TransitionError(f"Job {job_id} is not judged so soon after Redis has started.")
    if answer[0] == "refused":
        raise refuse(job_id, status, answer[1])
    return decode_answer(answer[1])


def refuse(job_id: str, status: Status | None, found: str) -> TransitionError:
    """Why the job was not moved to that status, or not changed in its own: it is `found`."""
    wish = f"become {status}" if status else "be changed so"
    return TransitionError(f"Job {job_id} is {found or 'unknown'}: it cannot {wish}.")


def decode_answer(flat: Sequence[str]) -> Job:
    """A record as a script answers it: name, value, name, value …"""
    return decode_job(dict(zip(flat[::2], flat[1::2], strict=True)))
