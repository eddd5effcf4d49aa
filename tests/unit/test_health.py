"""Readiness: what a submit needs is there, and does its work."""

from dataclasses import dataclass
from typing import Any

import pytest
from redis import ConnectionError as RedisConnectionError
from redis import RedisError, ResponseError
from redis.exceptions import OutOfMemoryError, ReadOnlyError

from project.errors import UnavailableError
from tests.unit.conftest import ClientMaker

REPLICA = ReadOnlyError("You can't write against a read only replica.")
FULL = OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
NO_REPLICA = ResponseError(
    "Command # 2 (ZADD signups 1 x) of pipeline caused error: NOREPLICAS Not enough good replicas."
)
NO_DISK = ResponseError("MISCONF Redis is configured to save RDB snapshots, but …")


@dataclass
class Parts:
    """Stands in for Redis, publisher and ledger; answers pings whatever else it refuses."""

    refusal: RedisError | None = None
    is_broker_away: bool = False

    def ping(self) -> bool:
        return True

    def set(self, *_: Any, px: int) -> None:
        assert px > 0
        if self.refusal:
            raise self.refusal

    def check(self, _queues: Any, timeout_seconds: float) -> None:
        assert timeout_seconds > 0
        if self.is_broker_away:
            raise UnavailableError("RabbitMQ")

    def get(self, _job_id: str) -> None:
        assert self.refusal
        raise self.refusal


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (Parts(), {"redis": "ok", "broker": "ok"}),
        (Parts(REPLICA), {"redis": "read-only", "broker": "ok"}),
        (Parts(FULL), {"redis": "read-only", "broker": "ok"}),
        (Parts(NO_DISK), {"redis": "read-only", "broker": "ok"}),
        (Parts(RedisConnectionError("gone")), {"redis": "missing", "broker": "ok"}),
        (Parts(is_broker_away=True), {"redis": "ok", "broker": "missing"}),
    ],
)
def test_web_is_ready_when_each_part_is_there_and_takes_writes(
    parts: Parts, told: dict[str, str], make_client: ClientMaker
) -> None:
    answer = make_client(redis=parts, publisher=parts).get("/readyz")

    is_ready = set(told.values()) == {"ok"}
    assert answer.status_code == (200 if is_ready else 503)
    assert answer.json == {"status": "ready" if is_ready else "not ready", "dependencies": told}


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (REPLICA, "Redis takes no writes, so nothing was accepted."),
        (FULL, "Redis takes no writes, so nothing was accepted."),
        (NO_REPLICA, "Redis takes no writes, so nothing was accepted."),
        (RedisConnectionError("no"), "Redis does not answer, so nothing was accepted."),
    ],
)
def test_problem_says_what_is_wrong_with_redis(
    refusal: RedisError, sentence: str, make_client: ClientMaker
) -> None:
    answer: Any = make_client(ledger=Parts(refusal)).get("/api/v1/jobs/x")

    assert (answer.status_code, answer.json["detail"]) == (503, sentence)
