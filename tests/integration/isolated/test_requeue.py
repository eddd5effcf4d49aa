"""A message that many worker processes have held and requeued has failed nowhere."""

import os
from uuid import uuid4

from celery import Celery
from kombu import Connection

from project.broker.message import Message
from project.broker.publisher import Publisher
from project.broker.topology import make_job_queue, transport_options
from project.worker.app import create_celery
from project.worker.engine.consumer import QueueConsumer
from project.worker.engine.delivery import Delivery
from project.worker.engine.handler import Handler
from project.worker.engine.slot import Slot
from tests.integration.isolated.system import IsolatedSystem
from tests.integration.isolated.test_publisher import a_queue
from tests.waiting import wait_until

TIMES = int(os.environ.get("TIMES", "60"))
SECONDS = 30


class Nobody:
    """Listens to no events."""

    enabled = False

    def send(self, type: str, **fields: object) -> None: ...  # noqa: A002 - Celery's name


def test_message_that_is_requeued_many_times_is_not_dead(isolated: IsolatedSystem) -> None:
    arguments: dict[str, object] = make_job_queue("short").queue_arguments
    with a_queue(isolated, **arguments) as queue:
        requeue_many_times(isolated, queue)


def requeue_many_times(isolated: IsolatedSystem, queue: str) -> None:
    settings, job_id, dead = isolated.direct, str(uuid4()), isolated.waiting("dead")
    app: Celery = create_celery(settings)
    handler = Handler(app, "test", Slot(), Nobody(), lambda: 1)
    connection = Connection(
        settings.broker_url, heartbeat=20, transport_options=transport_options("test")
    )
    consumer = QueueConsumer(
        connection.transport.establish_connection, "test", 4, handler.send_again, handler.release
    )
    headers = {"task": "create_task", "id": job_id}
    message = Message(job_id, "jobs", queue, headers, b"[[0], {}, {}]")
    assert Publisher(settings.broker_url, "test").publish([message], 5) == [None]

    returns = []
    consumer.connect([queue])
    for _ in range(TIMES):
        delivery = wait_until(consumer.take, SECONDS, "the message to come again")
        assert delivery is not None
        returns.append(delivery.returns)
        consumer.ready.appendleft(delivery)
        assert consumer.requeue() == 1
        consumer.note_run(0)

    last: Delivery | None = wait_until(consumer.take, SECONDS, "the message to come again")
    assert last is not None
    assert (last.headers["id"], last.body) == (job_id, message.body)
    last.ack()
    consumer.close()
    assert max(returns) > 0
    wait_until(lambda: not isolated.waiting(queue), SECONDS, "no message to be left")
    assert isolated.waiting("dead") == dead
