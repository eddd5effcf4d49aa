"""Repairs what an outage has left behind, and handles dead-lettered messages.

`dead_letter_policy` decides what happens to a dead-lettered message (pure), `dead_letter_consumer`
carries that out, `repairs` finds jobs in the ledger that RabbitMQ no longer knows, `rounds` repeats
all of it. It is safe to run anywhere, any number of times: every change is one of the ledger's
steps.
"""

from amqp.exceptions import AMQPError  # type: ignore[import-untyped]  # py-amqp ships no types
from kombu.exceptions import KombuError
from redis import RedisError

from project.errors import UnavailableError

OUTAGES = (UnavailableError, RedisError, KombuError, AMQPError, OSError)
"""Errors of an unavailable dependency; the work is tried again."""
