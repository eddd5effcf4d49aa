"""Health check of the scheduler: exits 0 if one completed its loop lately, else prints why not.

    python -m deploy.compose.scheduler_health

The leader renews a key in Redis in each loop; `project.scheduler.schedules` has the key's time to
live.
"""

import sys

from redis import RedisError

from project.config import Settings
from project.redis_client import connect_impatient
from project.scheduler.schedules.store import ALIVE_KEY


def main() -> None:
    try:
        is_alive = connect_impatient(Settings().redis_url).exists(ALIVE_KEY)
    except RedisError as error:
        sys.exit(f"Redis does not answer: {error}")
    if not is_alive:
        sys.exit("no scheduler is running")


if __name__ == "__main__":
    main()
