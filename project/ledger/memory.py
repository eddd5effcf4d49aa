"""The memory of a job's code from one attempt to the next: small JSON values by name.

Keys: `memory:<id>`, a hash; forgotten with its job.
"""

from collections.abc import Iterator, MutableMapping
from typing import Any

import orjson
from redis import Redis

from project.ledger.keys import memory_key

KEPT_SECONDS = 400 * 24 * 3600
"""How long a memory lasts that nothing has deleted: a job may wait for a long time."""


class Memory(MutableMapping[str, Any]):
    """The memory of one job, written immediately: values survive any crash of a worker.

    Values must have a JSON form (TypeError). Redis's own errors pass through.
    """

    def __init__(self, redis: "Redis", job_id: str) -> None:
        self._redis = redis
        self._key = memory_key(job_id)

    def __getitem__(self, name: str) -> Any:
        text: Any = self._redis.hget(self._key, name)
        if text is None:
            raise KeyError(name)
        return orjson.loads(text)

    def __setitem__(self, name: str, value: Any) -> None:
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(self._key, name, orjson.dumps(value).decode())
        pipeline.expire(self._key, KEPT_SECONDS)
        pipeline.execute()

    def __delitem__(self, name: str) -> None:
        if not self._redis.hdel(self._key, name):
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        names: Any = self._redis.hkeys(self._key)
        return iter(names)

    def __len__(self) -> int:
        return int(self._redis.hlen(self._key))
