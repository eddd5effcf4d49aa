"""Starts a queue's worker: `python -m project.worker short`, or another queue of JOBS_QUEUES.

Its role is `worker-` and the queue's name, whatever JOBS_ROLE says.

`celery --app project.server.tasks.celery worker -Q short` starts a worker, too, with any of
Celery's options, and with the queue's values where JOBS_ROLE is that role. Before that it imports
every command that Celery and its plugins have, a shell and Flower among them: 12 MiB and a tenth of
a second for each process.
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
"""Of what Celery prints at its start. Lines have the level of the settings."""


def main() -> int:
    """Run it until it is told to stop; its exit status."""
    settings = Settings()
    parser = argparse.ArgumentParser(prog="python -m project.worker")
    parser.add_argument("queue", choices=[*settings.job_queues], help="whose jobs it runs")
    queue = settings.job_queues[parser.parse_args().queue]
    # With these a worker starts itself again on a SIGHUP.
    sys.argv[0:1] = ["-m", "project.worker"]
    return _work(_create_app(settings.model_copy(update={"role": queue.role})), queue)


def _create_app(settings: Settings) -> "JobsCelery":
    with block_imports("opentelemetry", "psutil"):  # by redis-py and by Celery, for a debugging aid
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
