"""One message that a worker process has taken from a queue, in the form of kombu's `Message`."""

import json
from functools import cached_property
from typing import Any, Protocol

from project.broker.message_reader import read_call, unpack
from project.worker.engine import frames
from project.worker.reservation import Reservation


class Source(Protocol):
    """Where the message came from; it acknowledges or rejects the message."""

    def ack(self, delivery: "Delivery") -> None: ...
    def reject(self, delivery: "Delivery", *, requeue: bool) -> None: ...


class Delivery:
    """A message; its properties are decoded on first access.

    The names are those of kombu's `Message`, because Celery reads them.
    """

    def __init__(
        self, source: Source, generation: int, deliver: bytes, header: bytes, body: bytes
    ) -> None:
        self._source = source
        self.generation = generation
        """Number of the connection that delivered it: its tag is valid only on that one."""
        self.raw_deliver, self.raw_header = deliver, header
        self.raw_body = body
        self.delivery_tag, is_redelivered, exchange, routing_key = frames.read_deliver(deliver)
        self.delivery_info = {
            "exchange": exchange,
            "routing_key": routing_key,
            "redelivered": is_redelivered,
        }
        self.acknowledged = False
        self.reservation: Reservation | None = None
        """Its job's reservation, if it was reserved together with others."""
        self.reading: Any = None
        """What the handler has read from it; None before."""
        self.body: bytes | str = body

    @cached_property
    def properties(self) -> dict[str, Any]:
        """The properties as received, without the headers."""
        properties = frames.read_properties(self.raw_header)
        self.headers = properties.pop("application_headers", {})
        return properties

    @cached_property
    def headers(self) -> dict[str, Any]:
        """The headers as received."""
        _ = self.properties
        headers: dict[str, Any] = self.__dict__["headers"]
        return headers

    @property
    def content_type(self) -> Any:
        """The content type as received."""
        return self.properties.get("content_type")

    @property
    def content_encoding(self) -> Any:
        """The content encoding as received."""
        return self.properties.get("content_encoding")

    @property
    def returns(self) -> int:
        """How often the message has come back to its queue."""
        count = self.headers.get("x-delivery-count") if self.delivery_info["redelivered"] else 0
        return count if isinstance(count, int) else 0

    def decompress(self) -> None:
        """Decompress the body if it is compressed; raises UnreadableMessageError."""
        compression = self.headers.get("compression")
        if compression:
            self.body = unpack(self.raw_body, compression)

    @property
    def payload(self) -> list[Any]:
        """The decoded JSON body, for Celery: `[args, kwargs, embed]`."""
        return list(read_call(json.loads(self.body)))

    # ── Its end ────────────────────────────────────────────────────────────────────────────────

    def ack(self) -> None:
        """Acknowledge the message."""
        if not self.acknowledged:
            self.acknowledged = True
            self._source.ack(self)

    def reject(self, *, requeue: bool) -> None:
        """Requeue the message, or send it to the dead letters."""
        if not self.acknowledged:
            self.acknowledged = True
            self._source.reject(self, requeue=requeue)

    def ack_log_error(self, *_: Any, **__: Any) -> None:
        """`ack`, as Celery calls it."""
        self.ack()

    def reject_log_error(self, _logger: Any, _errors: Any, requeue: bool = False) -> None:
        """`reject`, as Celery calls it."""
        self.reject(requeue=requeue)
