"""A scheduler whose clock is simulated, and that ends where a test wants it to.

    python -m tests.integration.isolated.hasty_scheduler FATE

Its parts are those of the real one. `FATE` says as JSON when the simulated time begins, by the
monotonic clock that all processes share, how fast it goes, and between which submits and the notes
that follow them the process kills itself; whoever comes first, once.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from time import monotonic

from project.assembly import Assembly
from project.config import Settings
from project.observability.pipeline import configure_logging
from project.scheduler.schedules.schedule import Schedule
from project.scheduler.schedules.store import ScheduleStore

LEADER_SECONDS = 0.4
SHORTEST_PAUSE_SECONDS = 0.01
MET = "fates that were met"


@dataclass(frozen=True)
class Fate:
    """What a scheduler of a test lives in."""

    begins_at: str
    """The simulated time, at the reading `origin` of the monotonic clock."""
    ends_at: str
    """Here it stands still: however slow the machine is, nothing later becomes due."""
    origin: float
    speed: float
    fatal_runs: tuple[str, ...] = ()
    """`<schedule id> <time>`: the process is killed after the submit of that run."""

    def read_clock(self) -> datetime:
        """What time it is there."""
        passed = timedelta(seconds=(monotonic() - self.origin) * self.speed)
        begins_at, ends_at = map(datetime.fromisoformat, (self.begins_at, self.ends_at))
        return min(begins_at + passed, ends_at)

    def write(self) -> str:
        """As the command line has it."""
        return json.dumps(asdict(self))


class FatalStore(ScheduleStore):
    """What is to be noted of some runs is not."""

    fatal_runs: tuple[str, ...] = ()

    def change(self, schedule_id: str, change: Callable[[Schedule], Schedule]) -> Schedule:
        run = f"{schedule_id} {self.get(schedule_id).next_at.isoformat()}"
        if run in self.fatal_runs and self._redis.sadd(MET, run):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().change(schedule_id, change)


class Hasty(threading.Event):
    """Waits as long as the simulated clock takes."""

    speed = 1.0

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(max((timeout or 0) / self.speed, SHORTEST_PAUSE_SECONDS))


def main() -> None:
    """Go round until the process is killed."""
    values = json.loads(sys.argv[1])
    fate = Fate(**values | {"fatal_runs": tuple(values["fatal_runs"])})
    settings = Settings()
    configure_logging(settings)
    scheduler = Assembly(settings).make_scheduler(fate.read_clock, LEADER_SECONDS)
    store = FatalStore(scheduler.leader_lock.redis)
    store.fatal_runs = fate.fatal_runs
    scheduler.store = scheduler.runner.store = store
    scheduler.leader_lock.name = str(os.getpid())
    stop = Hasty()
    stop.speed = fate.speed
    scheduler.run(stop)


if __name__ == "__main__":
    main()
