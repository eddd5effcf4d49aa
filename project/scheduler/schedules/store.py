"""The schedules in Redis. Every change is one call, and is refused if another change came first.

Keys: `schedule:<id>` (hash of version and document), `schedules` (sorted set of all ids by their
next time), `schedules:made` (set of the examples that were ever created), `schedules:alive` (exists
while some scheduler runs), `schedules:leader` (the leader lock).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from redis import Redis

from project.errors import NotFoundError, OccupiedError
from project.kinds.files import list_files
from project.ledger.file_holders import FileHolders
from project.scheduler.schedules.schedule import Schedule, decode_schedule, encode_schedule

MOST = 1000
"""The largest number of schedules, because one process runs all of them."""

ALIVE_SECONDS = 30
ALIVE_KEY = "schedules:alive"
LEADER_KEY = "schedules:leader"
_ALL_KEY = "schedules"
_MADE_KEY = "schedules:made"

Change = Callable[[Schedule], Schedule]


class ScheduleStore:
    """Reads and changes schedules. `redis` must decode responses; its own errors pass through."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._put = redis.register_script(files(__package__).joinpath("put.lua").read_text())

    def get(self, schedule_id: str) -> Schedule:
        """The schedule; NotFoundError if it does not exist."""
        (schedule,) = self._read([schedule_id])
        if schedule is None:
            raise NotFoundError(f"There is no schedule {schedule_id}.")
        return schedule

    def list_all(self) -> list[Schedule]:
        """All schedules, by id."""
        ids: Any = self._redis.zrange(_ALL_KEY, 0, -1)
        return [schedule for schedule in self._read(sorted(ids)) if schedule]

    def list_due(self, now: datetime) -> list[Schedule]:
        """The schedules whose next time has come, the longest due first."""
        ids: Any = self._redis.zrange(_ALL_KEY, "-inf", _score(now), byscore=True)
        return [schedule for schedule in self._read(ids) if schedule]

    def find_next(self) -> datetime | None:
        """The earliest next time of all schedules; None if no schedule has one."""
        first: Any = self._redis.zrange(_ALL_KEY, 0, 0, withscores=True)
        if not first or first[0][1] == float("inf"):
            return None
        return datetime.fromtimestamp(first[0][1] / 1000, UTC)

    def add(self, schedule: Schedule) -> Schedule:
        """Add a new schedule. OccupiedError: its id is taken, or there are too many schedules."""
        version = self._write(schedule, 0)
        if version == 0:
            raise OccupiedError(f"The schedule {schedule.id} already exists: choose another id.")
        if version < 0:
            raise OccupiedError(f"There are {MOST} schedules already: delete one first.")
        return replace(schedule, version=version)

    def change(self, schedule_id: str, change: Change) -> Schedule:
        """Apply `change` to the stored schedule, again if another change came in between.

        NotFoundError if the schedule does not exist (any more).
        """
        while True:
            found = self.get(schedule_id)
            changed = change(found)
            if changed is found:
                return found
            version = self._write(changed, found.version)
            if version > 0:
                return replace(changed, version=version)

    def remove(self, schedule_id: str) -> None:
        """Delete the schedule. NotFoundError if it does not exist."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.delete(_key(schedule_id))
        pipeline.zrem(_ALL_KEY, schedule_id)
        if not pipeline.execute()[0]:
            raise NotFoundError(f"There is no schedule {schedule_id}.")

    def hold_files(self, schedule: Schedule) -> None:
        """Keep the files that its jobs read as long as the schedule exists."""
        file_ids = [file_id for _, file_id in list_files(schedule.plan.parameters)]
        if file_ids:
            FileHolders(self._redis).hold_by(_key(schedule.id), file_ids)

    def was_made(self, schedule_id: str) -> bool:
        """Whether that example was ever created; it may have been deleted since."""
        return bool(self._redis.sismember(_MADE_KEY, schedule_id))

    def note_made(self, schedule_id: str) -> None:
        """Note that the example was created, so that it is not created again."""
        self._redis.sadd(_MADE_KEY, schedule_id)

    def note_alive(self) -> None:
        """Note that a scheduler is running."""
        self._redis.set(ALIVE_KEY, 1, ex=ALIVE_SECONDS)

    def _read(self, ids: list[str]) -> list[Schedule | None]:
        pipeline = self._redis.pipeline(transaction=False)
        for schedule_id in ids:
            pipeline.hmget(_key(schedule_id), "version", "document")
        return [
            decode_schedule(schedule_id, int(version), document) if version else None
            for schedule_id, (version, document) in zip(ids, pipeline.execute(), strict=True)
        ]

    def _write(self, schedule: Schedule, read_version: int) -> int:
        next_at = "+inf" if schedule.is_paused else _score(schedule.next_at)
        keys = [_key(schedule.id), _ALL_KEY]
        document = encode_schedule(schedule)
        arguments: list[str | int] = [schedule.id, read_version, document, next_at, MOST]
        return int(self._put(keys=keys, args=arguments))


def _key(schedule_id: str) -> str:
    return f"schedule:{schedule_id}"


def _score(moment: datetime) -> str:
    return str(round(moment.timestamp() * 1000))
