"""Repairs what an outage has left behind, and takes in the dead letters.

`dead_letter_policy` decides what becomes of a dead-lettered message (pure), `dead_letter_consumer`
carries that out, `repairs` finds what the ledger says and the broker does not know, `rounds` does
all of it, again and again. Safe to run anywhere, any number of times: every change is one of the
ledger's steps.
"""

from amqp.exceptions import AMQPError  # type: ignore[import-untyped]  # py-amqp ships no types
from kombu.exceptions import KombuError
from redis import RedisError

from project.errors import UnavailableError

OUTAGES = (UnavailableError, RedisError, KombuError, AMQPError, OSError)
"""A part is away: what fails so is tried again."""
