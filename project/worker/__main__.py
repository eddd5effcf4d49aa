"""Starts a lane's worker or the scheduler: `python -m project.worker short`, `long`, `scheduler`.

`celery --app project.server.tasks.celery worker` starts a worker, too, with any of Celery's
options. Before that it imports every command that Celery and its plugins have, a shell and Flower
among them: 12 MiB and a tenth of a second for each process. The scheduler does without Celery.
"""

import argparse
import socket
import sys
from typing import TYPE_CHECKING

from project.config import Settings
from project.lane import Lane
from project.omission import omit

if TYPE_CHECKING:
    from project.worker.app import JobsCelery

SCHEDULER = "scheduler"

PREFETCH = {Lane.SHORT: 0, Lane.LONG: 1}
"""Messages that a process takes at the most; 0: as many as it does in a few milliseconds."""

_LEVEL = "WARNING"
"""Of what Celery prints at its start. Lines have the level of the settings."""


def main() -> int:
    """Run it until it is told to stop; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m project.worker")
    parser.add_argument(
        "what", choices=[*Lane, SCHEDULER], help="a lane's worker, or the scheduler"
    )
    what = parser.parse_args().what
    settings = Settings()
    if what == SCHEDULER:
        return _schedule(settings)
    # With these a worker starts itself again on a SIGHUP.
    sys.argv[0:1] = ["-m", "project.worker"]
    return _work(_create_app(settings), Lane(what), settings)


def _schedule(settings: Settings) -> int:
    with omit("opentelemetry"):  # by redis-py
        from project.worker.scheduling import run_scheduler  # noqa: PLC0415
    run_scheduler(settings)
    return 0


def _create_app(settings: Settings) -> "JobsCelery":
    with omit("opentelemetry"):  # by redis-py
        from project.worker.app import create_celery  # noqa: PLC0415
    return create_celery(settings)


def _work(app: "JobsCelery", lane: Lane, settings: Settings) -> int:
    processes = {Lane.SHORT: settings.short_concurrency, Lane.LONG: settings.long_concurrency}
    worker = app.Worker(
        queues=[lane.value],
        hostname=f"{lane.value}@{socket.gethostname()}",
        concurrency=processes[lane],
        prefetch_multiplier=PREFETCH[lane],
        without_gossip=True,
        without_mingle=True,
        loglevel=_LEVEL,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
