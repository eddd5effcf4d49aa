"""The durable Celery application with all features on that our service has by default.

In addition to a quorum queue, confirms and late acks: events of all tasks
(`worker_send_task_events`), the state STARTED (`task_track_started`), name, arguments and worker
stored with each result (`result_extended`), and a JSON log line for each start and end.

Guaranteed, in addition to `celery_durable`: while both are connected, a listener receives an event
when a worker receives, starts and finishes a job; Redis has which jobs have started, and where.

Not guaranteed: that a job is known before a worker starts it; that an event arrives (events are
sent without confirms and not stored); that state, event and log line agree: each is written
separately, so if a process is killed between two of them, they differ; a job may stay STARTED
forever. No list of jobs, no history of attempts.
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
    """Set up logging: Celery calls this in the worker, and then leaves logging alone."""
    open_log()


@task_prerun.connect
def _start(task_id: str, task: Any, **_: Any) -> None:
    _lines.start(task_id, task.name)


@task_postrun.connect
def _finish(task_id: str, task: Any, state: str, **_: Any) -> None:
    _lines.finish(task_id, task.name, state)


def connect() -> CeleryClient:
    """Return a client."""
    return CeleryClient(tasks["noop"], tasks)
