"""A message as py-amqp sends it: encoded once, by the caller who made it."""

import amqp  # type: ignore[import-untyped]  # py-amqp ships no types
from amqp.serialization import dumps  # type: ignore[import-untyped]

from project.message import Message


class Content(amqp.Message):  # type: ignore[misc]  # py-amqp ships no types
    """Encoded when it is made.

    So what cannot be encoded fails in the hands of its caller, and takes no other's messages with
    it; and the thread that all callers share has less to do.
    """

    def __init__(self, message: Message, *, is_mandatory: bool) -> None:
        super().__init__(
            message.body,
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=2,
            correlation_id=message.job_id,
            reply_to="",
            application_headers=message.headers,
        )
        self.address = message.job_id, message.exchange, message.routing_key
        """By which a message that is given back is known."""
        self.arguments: bytes = dumps(
            "Bssbb", (0, message.exchange, message.routing_key, is_mandatory, False)
        )
        self._encoded: bytes = super()._serialize_properties()

    def _serialize_properties(self) -> bytes:
        return self._encoded
