"""Builds a Celery request for the job that a process runs, from its slot, on demand."""

from time import monotonic, time
from typing import Any

from project.broker.message_reader import Call, read_body, read_message
from project.errors import UnreadableMessageError
from project.worker.engine.delivery import Delivery
from project.worker.engine.request import RunningRequest
from project.worker.engine.slot import Run
from project.worker.engine.worker_process import WorkerProcess


def make_running_request(
    app: Any, hostname: str, eventer: Any, process: WorkerProcess, run: Run
) -> RunningRequest:
    """The job that the process was running when its slot was read."""
    delivery = Delivery(_Nobody(), 0, run.deliver, run.header, run.body)
    call = Call([], {}, {})
    try:
        delivery.decompress()
        delivery.headers, delivery.body = read_message(
            delivery.headers, delivery.body, delivery.content_type, delivery.content_encoding
        )
        call = read_body(delivery.body)
    except UnreadableMessageError:
        pass  # too long for the slot
    request = RunningRequest(
        delivery,
        body=list(call),
        decoded=True,
        hostname=hostname,
        eventer=eventer,
        app=app,
    )
    request.process, request.token = process, run.token
    request.worker_pid = process.pid
    request.time_start = time() - (monotonic() - run.begun_at)
    return request


class _Nobody:
    """A source that settles nothing: the process settles its own message."""

    def ack(self, delivery: Delivery) -> None:
        pass

    def reject(self, delivery: Delivery, *, requeue: bool) -> None:
        pass
