"""Exchanges, queues and bindings of the virtual host, in the form of a definitions document."""

from collections.abc import Iterable
from typing import Any

from kombu.transport.native_delayed_delivery import (
    bind_queue_to_native_delayed_delivery_exchange,
    declare_native_delayed_delivery_exchanges_and_queues,
)

from project.broker import topology as broker


def topology(vhost: str, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return exchanges, queues and bindings: ours, with job queues of these names, and Celery's for
    delayed delivery.

    Workers also declare delayed delivery, but only when they start: RabbitMQ would refuse a retry
    or a countdown published before that.
    """
    recorder: Any = _Recorder(vhost)  # Any: it also stands in for a kombu connection
    for exchange in broker.EXCHANGES:
        recorder.add_exchange(exchange)
    job_queues = [broker.make_job_queue(name) for name in names]
    for queue in (*job_queues, broker.DEAD_QUEUE):
        recorder.add_queue(queue)
    declare_native_delayed_delivery_exchanges_and_queues(recorder, "quorum")
    for queue in job_queues:
        bind_queue_to_native_delayed_delivery_exchange(recorder, queue)
    document: dict[str, list[dict[str, Any]]] = recorder.document()
    return document


class _Recorder:
    """Records what is declared, in the form of the definitions document.

    It also stands in for the connection and channel on which kombu declares delayed delivery, so
    that the result is kombu's own topology in any version.
    """

    def __init__(self, vhost: str) -> None:
        self._vhost = vhost
        self._exchanges: dict[str, dict[str, Any]] = {}
        self._queues: dict[str, dict[str, Any]] = {}
        self._bindings: list[dict[str, Any]] = []

    def document(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "exchanges": list(self._exchanges.values()),
            "queues": list(self._queues.values()),
            "bindings": self._bindings,
        }

    def add_exchange(self, exchange: Any) -> None:
        self.exchange_declare(
            exchange.name,
            exchange.type,
            exchange.durable,
            exchange.auto_delete,
            exchange.arguments,
        )

    def add_queue(self, queue: Any) -> None:
        self.queue_declare(queue.name, queue.durable, queue.auto_delete, queue.queue_arguments)
        self.queue_bind(queue.name, queue.exchange.name, queue.routing_key, queue.binding_arguments)

    def channel(self) -> "_Recorder":
        return self

    def prepare_queue_arguments(self, arguments: dict[str, Any], **_: Any) -> dict[str, Any]:
        return arguments

    def exchange_declare(
        self,
        exchange: str,
        type: str,  # noqa: A002 - kombu passes it by this name
        durable: bool,
        auto_delete: bool,
        arguments: dict[str, Any] | None,
        **_: Any,
    ) -> None:
        self._exchanges[exchange] = {
            "name": exchange,
            "vhost": self._vhost,
            "type": type,
            "durable": durable,
            "auto_delete": auto_delete,
            "internal": False,
            "arguments": arguments or {},
        }

    def queue_declare(
        self,
        queue: str,
        durable: bool,
        auto_delete: bool,
        arguments: dict[str, Any] | None,
        **_: Any,
    ) -> None:
        self._queues[queue] = {
            "name": queue,
            "vhost": self._vhost,
            "durable": durable,
            "auto_delete": auto_delete,
            "arguments": arguments or {},
        }

    def queue_bind(
        self,
        queue: str,
        exchange: str,
        routing_key: str,
        arguments: dict[str, Any] | None,
        **_: Any,
    ) -> None:
        self._bind("queue", queue, exchange, routing_key, arguments)

    def exchange_bind(
        self,
        destination: str,
        source: str,
        routing_key: str,
        arguments: dict[str, Any] | None,
        **_: Any,
    ) -> None:
        self._bind("exchange", destination, source, routing_key, arguments)

    def _bind(
        self,
        destination_type: str,
        destination: str,
        source: str,
        routing_key: str,
        arguments: dict[str, Any] | None,
    ) -> None:
        self._bindings.append(
            {
                "vhost": self._vhost,
                "source": source,
                "destination": destination,
                "destination_type": destination_type,
                "routing_key": routing_key,
                "arguments": arguments or {},
            }
        )
