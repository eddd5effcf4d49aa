"""Starts a queue's worker: `python -m project.worker short`, or another queue of JOBS_QUEUES.

Its role is `worker-` and the queue's name, whatever JOBS_ROLE says.

`celery --app project.server.tasks.celery worker -Q short` starts a worker, too. It takes all of
Celery's options, and uses the queue's values if JOBS_ROLE is that role. But first it imports every
command of Celery and its plugins, such as a shell and Flower: 12 MiB and a tenth of a second for
each process.
"""

import argparse
import socket
import sys
from typing import TYPE_CHECKING

from project.config import Settings
from project.import_blocking import block_imports
from project.queues import QueueSettings

if TYPE_CHECKING:
    from project.worker.app import JobsCelery

_LEVEL = "WARNING"
"""Level of what Celery prints at its start. Log lines have the level of the settings."""


def main() -> int:
    """Run the worker until it is told to stop; returns its exit status."""
    settings = Settings()
    parser = argparse.ArgumentParser(prog="python -m project.worker")
    parser.add_argument(
        "queue", choices=[*settings.job_queues], help="the queue whose jobs the worker runs"
    )
    queue = settings.job_queues[parser.parse_args().queue]
    # A worker restarts itself with these arguments on SIGHUP.
    sys.argv[0:1] = ["-m", "project.worker"]
    return _work(_create_app(settings.model_copy(update={"role": queue.role})), queue)


def _create_app(settings: Settings) -> "JobsCelery":
    with block_imports("opentelemetry", "psutil"):  # redis-py and Celery import them for debugging
        from project.worker.app import create_celery  # noqa: PLC0415
    return create_celery(settings)


def _work(app: "JobsCelery", queue: QueueSettings) -> int:
    worker = app.Worker(
        queues=[queue.name],
        hostname=f"{queue.name}@{socket.gethostname()}",
        without_gossip=True,
        without_mingle=True,
        loglevel=_LEVEL,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
