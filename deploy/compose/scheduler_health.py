"""Health check of the scheduler: exits 0 if it has gone round its loop lately, else says why not.

    python -m deploy.compose.scheduler_health

RedBeat holds a lock in Redis while it schedules and renews it each time; `project.worker.app`
says how long the lock outlives a scheduler that has stopped.
"""

import sys

from redis import RedisError

from project.config import Settings
from project.redis_client import connect_impatient

LOCK_KEY = "redbeat::lock"
"""RedBeat's key prefix and lock name; a test compares it with RedBeat's own."""


def main() -> None:
    try:
        is_held = connect_impatient(Settings().redis_url).exists(LOCK_KEY)
    except RedisError as error:
        sys.exit(f"Redis does not answer: {error}")
    if not is_held:
        sys.exit("no scheduler holds the lock")


if __name__ == "__main__":
    main()
