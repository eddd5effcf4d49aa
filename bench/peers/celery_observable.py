"""The durable Celery application with all switched on that our service has by itself.

Beside a quorum queue, confirms and late acks: events of all tasks (`worker_send_task_events`), the
state STARTED (`task_track_started`), name, arguments and worker kept with each result
(`result_extended`), and a JSON log line for each start and end.

Guaranteed, beside what `celery_durable` guarantees: while both are connected, whoever listens hears
of each job that a worker receives, starts and finishes; Redis says which has started, and where.

Not guaranteed: that a job is known before a worker starts it; that an event arrives (they are sent
without confirms, and kept nowhere); that state, event and log line agree: each is written for
itself, and a process that is killed between two of them leaves them apart, a job STARTED for ever
among them. No list of jobs, no history of attempts.
"""

from typing import Any

from celery.signals import setup_logging, task_postrun, task_prerun

from bench.peers.celery_client import CeleryClient
from bench.peers.celery_durable import add_tasks, build_app
from bench.peers.json_log import JobLines, open_log

app = build_app(worker_send_task_events=True, task_track_started=True, result_extended=True)
tasks = add_tasks(app)
_lines = JobLines()


@setup_logging.connect
def _configure(**_: Any) -> None:
    """Celery calls this in the worker, and then leaves logging alone."""
    open_log()


@task_prerun.connect
def _start(task_id: str, task: Any, **_: Any) -> None:
    _lines.start(task_id, task.name)


@task_postrun.connect
def _finish(task_id: str, task: Any, state: str, **_: Any) -> None:
    _lines.finish(task_id, task.name, state)


def connect() -> CeleryClient:
    """A client."""
    return CeleryClient(tasks["noop"], tasks)
