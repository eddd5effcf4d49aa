"""`python -m project.worker.health`: exits 0 where this host's worker of JOBS_ROLE lives."""

import socket
import sys

from redis import RedisError

from project.config import Settings
from project.redis_client import connect_impatient
from project.worker.heartbeat import heartbeat_key


def main() -> int:
    """Tell in one sentence whether the worker lives."""
    settings = Settings()
    try:
        life = connect_impatient(settings.redis_url).get(
            heartbeat_key(settings.role, socket.gethostname())
        )
    except RedisError as error:
        return _say(f"Redis does not answer: {error}", 1)
    if life is None:
        return _say(f"{settings.role} on this host has given no sign of life lately", 1)
    return _say(f"{settings.role} lives: {life!s}", 0)


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
