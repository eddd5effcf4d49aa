"""Takes the steps of jobs: calls the scripts, and defers steps that can join the next call."""

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
"""A deferred step, and what to call with its answer; without a step: call it in its turn."""

OWNER_LIMIT = 200
"""How many of an owner's newest jobs are remembered."""


class Steps:
    """Changes jobs: each step is one atomic call of a script, or a part of a call.

    `redis` must decode responses; its own errors pass through. `on_release` is called with each job
    that stops waiting for its child jobs, to publish its message. If it is None, the reconciler
    does that after a while.
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
        """Give the job a new status; with None it keeps its status. See `move.lua`.

        Its status must be in `sources`, by default those of the new status in SOURCES; otherwise
        TransitionError.
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
        """The data from which a script restores a record that Redis has lost: see `restore`."""
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
        """Pass on the parent that a finished job released; it is the end of the answer, if any."""
        if len(answer) > 2 and self._on_release is not None:
            self._on_release(decode_answer(answer[2]))

    def call(self, name: str, keys: list[str], arguments: list[str]) -> list[Any]:
        """The answer of a script that takes one step; deferred steps go before it."""
        return _answer(*self._call(calls=[(self._scripts[name], keys, arguments)]))

    def work(self, item: Item) -> list[Any]:
        """The answer of a step that workers take, in the same call as the deferred steps."""
        return _answer(*self._call([item]))

    # ── Several steps in one round trip ────────────────────────────────────────────────────────

    def work_each(self, items: Sequence[Item]) -> list[Any]:
        """An answer for each step; deferred steps go before them, in the same calls."""
        return self._call(items)

    def call_each(self, name: str, items: Sequence[Item]) -> list[Any]:
        """An answer or error for each step of script `name`. Deferred steps are not sent."""
        return self._client.call_each(self._scripts[name], items)

    def release(self, items: Sequence[Item]) -> None:
        """Give up reservations. Deferred steps are not sent: they may be another thread's."""
        self._client.call_each(self._work, items)

    def defer(self, item: Item, note: Callable[[Any], None]) -> None:
        """Send the step with the next one, or by `flush`. Calls `note` with its answer or error."""
        self._deferred.append((item, note))

    def when_written(self, act: Callable[[], None]) -> None:
        """Call `act` once all steps deferred so far have been answered."""
        with self._lock:
            if not self._deferred:
                act()
            else:
                self._deferred.append((None, lambda _: act()))

    def flush(self) -> None:
        """Send the deferred steps."""
        if self._deferred:
            self._call()

    def flush_by(self, others: "Steps") -> None:
        """Send them from another thread, by the client of `others`, which waits less for Redis.

        Does nothing while this object's own thread takes a step, which sends them as well.
        """
        if self._lock.acquire(blocking=False):
            try:
                if self._deferred:
                    self._call(client=others._client)  # noqa: SLF001 - the same class
            finally:
                self._lock.release()

    @property
    def has_deferred(self) -> bool:
        """Whether steps wait to be sent."""
        return bool(self._deferred)

    def _call(
        self,
        items: Sequence[Item] = (),
        calls: Sequence[Any] = (),
        client: ScriptClient | None = None,
    ) -> list[Any]:
        """Answers or errors. Deferred steps go first, in the same round trip."""
        with self._lock:
            deferred, self._deferred = self._deferred, []
            first = [item for item, _ in deferred if item is not None]
            try:
                answers = (client or self._client).call_each(self._work, [*first, *items], calls)
            except BaseException:  # a time limit, say, while Redis is unavailable
                self._deferred = deferred + self._deferred
                raise
            place = 0
            for item, note in deferred:
                note(None if item is None else answers[place])
                place += item is not None
        return answers[place:]


# ── The scripts ────────────────────────────────────────────────────────────────────────────────

WORK = ("claim", "succeed", "reserve", "release")
"""The frequent steps of workers: any of them can share a call."""
EACH = ("record", "confirm", "renew")
"""Each of these takes its step for many jobs in one call."""
SINGLE = ("move", "wait", "recheck", "trim")


def read_single(name: str) -> str:
    """A script, after the text that all scripts share."""
    return read_shared() + _read(name)


def read_each(*names: str) -> str:
    """A script that takes steps of many jobs in one call: see `each.lua`."""
    items = (f"function items.{name}(KEYS, ARGV)\n{_read(name)}\nend\n" for name in names)
    return f"{read_shared()}local items = {{}}\n{''.join(items)}{_read('each')}"


def write_tables() -> str:
    """The statuses, in Lua: only `job` defines which steps they allow."""
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
    """The text that precedes each script."""
    return write_tables() + _read("prelude")


def _read(name: str) -> str:
    return files(__package__).joinpath("scripts", f"{name}.lua").read_text()


def _answer(answer: Any) -> list[Any]:
    if isinstance(answer, RedisError):
        raise answer
    return list(answer)


def read_moved(job_id: str, status: Status | None, answer: Sequence[Any]) -> Job:
    """The job in the answer; TransitionError if the script changed nothing."""
    if answer[0] == "starting":
        raise TransitionError(f"Job {job_id} cannot change yet: Redis has just started.")
    if answer[0] == "refused":
        raise refuse(job_id, status, answer[1])
    return decode_answer(answer[1])


def refuse(job_id: str, status: Status | None, found: str) -> TransitionError:
    """Why the job cannot get that status, or be changed in its own: its status is `found`."""
    wish = f"become {status}" if status else "be changed"
    return TransitionError(f"Job {job_id} is {found or 'unknown'}: it cannot {wish}.")


def decode_answer(flat: Sequence[str]) -> Job:
    """The job of a record as a script answers it: name, value, name, value …"""
    return decode_job(dict(zip(flat[::2], flat[1::2], strict=True)))
