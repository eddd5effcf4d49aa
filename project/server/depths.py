"""What RabbitMQ says of the lanes' queues."""

from collections.abc import Sequence

from project.errors import UnavailableError
from project.publisher import Publisher

TIMEOUT_SECONDS = 1


def find_depths(
    publisher: Publisher, lanes: Sequence[str]
) -> dict[str, tuple[int | None, int | None]]:
    """Each lane's ready messages and consumers; None where RabbitMQ does not answer."""
    try:
        return {**publisher.depths(lanes, TIMEOUT_SECONDS)}
    except UnavailableError:
        return dict.fromkeys(lanes, (None, None))
