"""Starts a queue's worker: `python -m project.worker short` or `long`.

`celery --app project.server.tasks.celery worker` starts a worker, too, with any of Celery's
options. Before that it imports every command that Celery and its plugins have, a shell and Flower
among them: 12 MiB and a tenth of a second for each process.
"""

import argparse
import socket
import sys
from typing import TYPE_CHECKING

from project.config import Settings
from project.import_blocking import block_imports
from project.queues import QueueName

if TYPE_CHECKING:
    from project.worker.app import JobsCelery

PREFETCH = {QueueName.SHORT: 0, QueueName.LONG: 1}
"""Messages that a process takes at the most; 0: as many as it does in a few milliseconds."""

_LEVEL = "WARNING"
"""Of what Celery prints at its start. Lines have the level of the settings."""


def main() -> int:
    """Run it until it is told to stop; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m project.worker")
    parser.add_argument("queue", choices=[*QueueName], help="whose jobs it runs")
    queue = QueueName(parser.parse_args().queue)
    settings = Settings()
    # With these a worker starts itself again on a SIGHUP.
    sys.argv[0:1] = ["-m", "project.worker"]
    return _work(_create_app(settings), queue, settings)


def _create_app(settings: Settings) -> "JobsCelery":
    with block_imports("opentelemetry", "psutil"):  # by redis-py and by Celery, for a debugging aid
        from project.worker.app import create_celery  # noqa: PLC0415
    return create_celery(settings)


def _work(app: "JobsCelery", queue: QueueName, settings: Settings) -> int:
    processes = {
        QueueName.SHORT: settings.short_concurrency,
        QueueName.LONG: settings.long_concurrency,
    }
    worker = app.Worker(
        queues=[queue.value],
        hostname=f"{queue.value}@{socket.gethostname()}",
        concurrency=processes[queue],
        prefetch_multiplier=PREFETCH[queue],
        without_gossip=True,
        without_mingle=True,
        loglevel=_LEVEL,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
