"""Which jobs hold a file: those that were given it, and the one that has made it.

A file is kept as long as one of them has a record. Keys: `file:<id>`, set of the ids of jobs.
"""

from collections.abc import Collection, Iterable

from redis import Redis

from project.ledger.keys import file_key, job_key


class FileHolders:
    """Knows the jobs of each file. Redis's own errors pass through."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    def hold(self, job_id: str, file_ids: Iterable[str]) -> None:
        """The job reads or has made these files."""
        pipeline = self._redis.pipeline(transaction=False)
        for file_id in file_ids:
            pipeline.sadd(file_key(file_id), job_id)
        pipeline.execute()

    def find_held(self, file_ids: Collection[str]) -> set[str]:
        """Those of the files that a job with a record holds; what is known of the others goes."""
        pipeline = self._redis.pipeline(transaction=False)
        for file_id in file_ids:
            pipeline.smembers(file_key(file_id))
        holders: dict[str, set[str]] = dict(zip(file_ids, pipeline.execute(), strict=True))
        known = self._find_known({job_id for ids in holders.values() for job_id in ids})
        held = {file_id for file_id, ids in holders.items() if ids & known}
        if free := [file_key(file_id) for file_id in file_ids if file_id not in held]:
            self._redis.delete(*free)
        return held

    def _find_known(self, job_ids: set[str]) -> set[str]:
        pipeline = self._redis.pipeline(transaction=False)
        ordered = list(job_ids)
        for job_id in ordered:
            pipeline.exists(job_key(job_id))
        return {job_id for job_id, found in zip(ordered, pipeline.execute(), strict=True) if found}
