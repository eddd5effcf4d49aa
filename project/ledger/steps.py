"""The ledger's scripts in Redis, and how they are called: what all of its parts stand on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from threading import RLock
from typing import Any

from redis import Redis, RedisError

from project.errors import TransitionError
from project.ledger.job import SOURCES, AttemptOutcome, Job, Status
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
from project.ledger.script_client import Call, Exchange, Item
from project.ledger.startup_grace import SettledScript

Deferred = tuple[Item | None, Callable[[Any], None]]
"""A step that may wait, and what to call with its answer; no step: call it after those before."""

OWNER_LIMIT = 200
"""Newest jobs that are remembered per owner."""

SETTLE_SECONDS = 4
"""So long after its start Redis lets no job begin, and none count as never confirmed: submitters
put right what went wrong when it ended (`project.submission.confirm_recovery`)."""


class Steps:
    """Calls the scripts. `redis` must decode responses; its own errors pass through."""

    def __init__(
        self,
        redis: "Redis",
        retention_seconds: int,
        failed_retention_seconds: int | None = None,
        kind_seconds: Mapping[str, int] | None = None,
    ) -> None:
        self._redis = redis
        self._exchange = Exchange(redis)
        self._deferred: list[Deferred] = []
        self._lock = RLock()
        self.is_deferring = False
        """Whether steps that may wait do so: somebody sees to it that they are taken."""
        self._retention = Retention(retention_seconds, failed_retention_seconds, kind_seconds or {})
        self.on_release: Callable[[str], None] | None = None
        """Told the id of a job that has waited for its children and goes on: it needs a message.
        None: the reconciler finds it after a while."""
        self._record, self._confirm, self._renew = (
            redis.register_script(_read_steps(name)) for name in ("record", "confirm", "renew")
        )
        self._move_script, self._trim = (
            redis.register_script(_read(name)) for name in ("move.lua", "trim.lua")
        )
        self._wait, self._recheck = (
            redis.register_script(_read(name)) for name in ("wait.lua", "recheck.lua")
        )
        self._work = SettledScript(
            redis, _read_steps("claim", "succeed", "reserve", "release"), SETTLE_SECONDS
        )

    def _written(self, job: Job) -> dict[str, Any]:
        step: dict[str, Any] = {
            "fields": encode_job(job),
            "order": str(as_microseconds(job.submitted_at)),
            "owner_limit": OWNER_LIMIT,
            "owner_seconds": self._retention.longest_seconds,
        }
        if job.run_at:
            step["due"] = as_milliseconds(job.run_at)
        return step

    def _move(
        self,
        job_id: str,
        status: Status | None,
        *,
        sources: Iterable[Status] | None = None,
        attempt: int | None = None,
        celery_result: str = "",
        fallback: dict[str, Any] | None = None,
        kind: str = "",
        archive: AttemptOutcome | None = None,
        due: int | None = None,
        release: int | None = None,
        overdue: bool | None = None,
        settle: int | None = None,
        by: str | None = None,
        **changes: Any,
    ) -> Job:
        step = {
            "id": job_id,
            "sources": _as_set(SOURCES[status] if sources is None and status else sources or ()),
            "set": encode_fields({"status": status, **changes}),
            "attempt": None if attempt is None else str(attempt),
            "keep": self._retention.seconds_for(status, kind)
            if status and status.is_finished
            else None,
            "result": celery_result or None,
            "fallback": fallback,
            "archive": archive,
            "due": due,
            "release": release,
            "overdue": overdue,
            "settle": settle,
            "by": by,
        }
        present = {name: value for name, value in step.items() if value is not None}
        call = self._move_script, move_keys(job_id), [encode_json(present)]
        answer = self._run(call)
        moved = read_moved(job_id, status, answer)
        if "released" in answer[-2:-1]:
            self._release(answer[-1])
        return moved

    def _release(self, job_id: str) -> None:
        if self.on_release is not None:
            self.on_release(job_id)

    # ── Several calls in one round trip ────────────────────────────────────────────────────────

    def defer(self, item: Item, note: Callable[[Any], None]) -> None:
        """Send the step with the next one, or by `flush`. Calls `note` with its answer or error."""
        self._deferred.append((item, note))
        if not self.is_deferring:
            self.flush()

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

    def flush_by(self, ledger: "Steps") -> None:
        """The same from another thread, by a ledger that does not wait long for Redis.

        Nothing is done while this one's own thread takes a step, which takes them along.
        """
        if self._lock.acquire(blocking=False):
            try:
                if self._deferred:
                    self._call(exchange=ledger._exchange)  # noqa: SLF001 - another of us
            finally:
                self._lock.release()

    @property
    def has_deferred(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._deferred)

    def _run(self, call: Call) -> list[str]:
        """The call's answer."""
        return _answer(*self._call(calls=[call]))

    def _work_on(self, item: Item) -> list[str]:
        """The answer of a step that workers take, in the same call as what was deferred."""
        return _answer(*self._call([item]))

    def _call(
        self,
        items: Sequence[Item] = (),
        calls: Sequence[Call] = (),
        exchange: Exchange | None = None,
    ) -> list[Any]:
        """Answers, or errors. What was deferred goes first, in the same round trip."""
        with self._lock:
            deferred, self._deferred = self._deferred, []
            first = [item for item, _ in deferred if item is not None]
            try:
                answers = (exchange or self._exchange).call_each(
                    self._work, [*first, *items], calls
                )
            except BaseException:  # a time limit, say, while Redis is away
                self._deferred = deferred + self._deferred
                raise
            place = 0
            for item, note in deferred:
                note(None if item is None else answers[place])
                place += item is not None
        return answers[place:]


def _answer(answer: Any) -> list[str]:
    if isinstance(answer, RedisError):
        raise answer
    return list(answer)


def _read(name: str) -> str:
    """A script, behind what all of them share."""
    return _read_text("prelude.lua") + _read_text(name)


def _read_steps(*names: str) -> str:
    """A script that takes steps of many jobs in one call: see `each.lua`."""
    items = (
        f"function items.{name}(KEYS, ARGV)\n{_read_text(f'{name}.lua')}\nend\n" for name in names
    )
    return (
        _read_text("prelude.lua") + "local items = {}\n" + "".join(items) + _read_text("each.lua")
    )


def _read_text(name: str) -> str:
    return files(__package__).joinpath("scripts", name).read_text()


def _as_set(statuses: Iterable[Status]) -> dict[str, bool]:
    return {str(status.value): True for status in statuses}


def move_keys(job_id: str) -> list[str]:
    return [job_key(job_id), result_key(job_id)]


def read_moved(job_id: str, status: Status | None, answer: list[str]) -> Job:
    if answer[0] == "settling":
        raise TransitionError(f"Job {job_id} is not judged so soon after Redis has started.")
    if answer[0] == "refused":
        raise refuse(job_id, status, answer[1])
    return decode_answer(answer)


def refuse(job_id: str, status: Status | None, found: str) -> TransitionError:
    wish = f"become {status}" if status else "be changed so"
    return TransitionError(f"Job {job_id} is {found or 'unknown'}: it cannot {wish}.")


def decode_answer(answer: list[str]) -> Job:
    """The record behind an answer's first word."""
    return decode_job(dict(zip(answer[1::2], answer[2::2], strict=True)))
