"""The queues: named queues, each with a worker pool of its own."""

from enum import StrEnum


class QueueName(StrEnum):
    """A queue; the value is its queue's name and routing key."""

    SHORT = "short"
    """Jobs of seconds: somebody is waiting."""
    LONG = "long"
    """Jobs of minutes to hours."""

    @property
    def promise_seconds(self) -> float | None:
        """So long a job of the queue runs at the most, but for one in twenty; None: as it likes.

        Who waits for a short job waits for the ones before it, too.
        """
        return 30.0 if self is QueueName.SHORT else None
