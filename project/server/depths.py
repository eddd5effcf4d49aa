"""What RabbitMQ says of the queues."""

from collections.abc import Sequence

from project.broker.publisher import Publisher
from project.errors import UnavailableError

TIMEOUT_SECONDS = 1


def find_depths(
    publisher: Publisher, queues: Sequence[str]
) -> dict[str, tuple[int | None, int | None]]:
    """Each queue's ready messages and consumers; None where RabbitMQ does not answer."""
    try:
        return {**publisher.depths(queues, TIMEOUT_SECONDS)}
    except UnavailableError:
        return dict.fromkeys(queues, (None, None))
