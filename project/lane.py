"""The lanes: named queues, each with a worker pool of its own."""

from enum import StrEnum


class Lane(StrEnum):
    """A lane; the value is its queue's name and routing key."""

    SHORT = "short"
    """Jobs of seconds: somebody is waiting."""
    LONG = "long"
    """Jobs of minutes to hours."""
