"""Who holds a file: jobs that read it, the job that made it, schedules that need it.

A file is kept while any of their records exists. Keys: `file:<id>`, set of the records' keys.
"""

from collections.abc import Collection, Iterable

from redis import Redis

from project.ledger.keys import file_key, job_key


class FileHolders:
    """Knows the holders of each file. Redis's own errors pass through."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    def hold(self, job_id: str, file_ids: Iterable[str]) -> None:
        """Note that the job reads or has made these files."""
        self.hold_by(job_key(job_id), file_ids)

    def hold_by(self, key: str, file_ids: Iterable[str]) -> None:
        """Keep these files as long as the key exists in Redis."""
        pipeline = self._redis.pipeline(transaction=False)
        for file_id in file_ids:
            pipeline.sadd(file_key(file_id), key)
        pipeline.execute()

    def find_held(self, file_ids: Collection[str]) -> set[str]:
        """The files that have a holder; the keys of the other files are deleted."""
        pipeline = self._redis.pipeline(transaction=False)
        for file_id in file_ids:
            pipeline.smembers(file_key(file_id))
        holders: dict[str, set[str]] = dict(zip(file_ids, pipeline.execute(), strict=True))
        known = self._find_known({key for keys in holders.values() for key in keys})
        held = {file_id for file_id, keys in holders.items() if keys & known}
        if free := [file_key(file_id) for file_id in file_ids if file_id not in held]:
            self._redis.delete(*free)
        return held

    def _find_known(self, keys: set[str]) -> set[str]:
        pipeline = self._redis.pipeline(transaction=False)
        ordered = list(keys)
        for key in ordered:
            pipeline.exists(key)
        return {key for key, found in zip(ordered, pipeline.execute(), strict=True) if found}
