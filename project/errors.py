"""The exception tree: one root, one sentence each. `server.problems` decides the HTTP statuses."""

from collections.abc import Sequence
from enum import StrEnum


class JobsError(Exception):
    """Root of every error this project raises on purpose."""

    is_about_us = True
    """Whether the message is only about jobs, queues and servers and never quotes a client's data,
    so that a log line may contain it."""


class InvalidInputError(JobsError):
    """What the client sent cannot be used; the message says what to change."""

    is_about_us = False

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidPictureError(InvalidInputError):
    """The file is not an acceptable picture."""


class TooLargeError(InvalidInputError):
    """The upload is larger than the limit."""


class UnknownKindError(InvalidInputError):
    """No kind has that name."""


class MissingFileError(InvalidInputError):
    """A job's parameters name a file that the store does not have."""


class UnreadableMessageError(JobsError):
    """No worker can run the message; the error says why, without quoting the message."""


class NewerMessageError(UnreadableMessageError):
    """A message of a newer version, which a newer worker can run: see `ledger.record_format`."""


class UnsendableMessageError(JobsError):
    """The message does not fit into an AMQP frame; nothing was sent."""


class NotFoundError(JobsError):
    """The job, file, schedule or sign-up does not exist."""

    is_about_us = False


class GoneError(NotFoundError):
    """The job finished long ago and its record has expired."""


class OccupiedError(JobsError):
    """The id is taken, or the limit is reached."""


class LinkInvalidError(JobsError):
    """This system did not issue the confirmation link."""


class LinkExpiredError(JobsError):
    """The confirmation link has expired."""


class KeyReusedError(JobsError):
    """The Idempotency-Key was already used for a different request."""


class UnavailableError(JobsError):
    """A dependency is unavailable; nothing was accepted."""

    def __init__(self, dependency: str, trouble: str = "does not answer") -> None:
        super().__init__(f"{dependency} {trouble}, so nothing was accepted.")
        self.dependency = dependency
        self.trouble = trouble


class NewerRecordError(UnavailableError):
    """The record of a job that a newer version has written: see `ledger.record_format`."""

    def __init__(self, job_id: str) -> None:
        super().__init__("The record")
        self.args = (
            f"Job {job_id} was written by a newer version of this service: try again in a moment.",
        )


class UnforeseenError(JobsError):
    """A bug prevented one of many jobs from being submitted."""

    def __init__(self) -> None:
        super().__init__("An internal error prevented this job's submission. The log has details.")


class QueueFullError(JobsError):
    """The queue is full: it has as many waiting jobs as `queue_limit` allows."""

    def __init__(self, queue: str, depth: int) -> None:
        super().__init__(f"The queue {queue} is full: {depth} jobs are waiting. Try again later.")
        self.queue = queue
        self.depth = depth


class TransitionError(JobsError):
    """The job's status does not allow this transition."""


class UndecidedError(JobsError):
    """The job is accepted, but its client has no answer yet."""

    def __init__(self, job_id: str, seconds_left: float) -> None:
        super().__init__(f"Job {job_id} is accepted, but its submission is not settled yet.")
        self.seconds_left = seconds_left


class HolderState(StrEnum):
    """The state of another attempt's lease."""

    HELD = "held"
    LAST_CALL = "last_call"
    """The lease has expired, and its holder gets one last chance to renew it."""
    SILENT = "silent"
    """The holder missed its last chance: a worker with no reason to wait may take the job over."""


class LeasedError(JobsError):
    """Another attempt of the job is still running."""

    def __init__(self, job_id: str, holder: str, state: HolderState = HolderState.HELD) -> None:
        super().__init__(f"{holder} is still running job {job_id}.")
        self.holder = holder
        self.state = state


class ExhaustedError(JobsError):
    """Too many attempts of the job ended without an outcome, so the job is dead."""

    def __init__(self, job_id: str, losses: int) -> None:
        super().__init__(f"{losses} attempts of job {job_id} ended without an outcome.")


class CancelledError(JobsError):
    """The job or its parent was cancelled. Raised inside the job's own code."""


class WorkerStop(SystemExit):
    """Ends a process in the middle of a job because its worker stops; the job is requeued."""


class Suspension(BaseException):
    """Ends an attempt whose job waits for its child jobs; `gather` raises it inside job code.

    It is not an Exception, so that a job's own `except Exception` does not catch it.
    """

    def __init__(
        self, job_ids: Sequence[str], wake_on: str, finished: int, total: int | None, step: str
    ) -> None:
        super().__init__(f"The job waits for {len(job_ids)} child jobs.")
        self.job_ids = job_ids
        self.wake_on = wake_on
        self.finished = finished
        self.total = total
        self.step = step


class MistakenError(JobsError):
    """A message has the id of a job whose kind differs from the message's."""

    def __init__(self, job_id: str, kind: str) -> None:
        super().__init__(f"The kind of job {job_id} is {kind}.")


class DefinitionError(JobsError):
    """A kind's definition is wrong; raised when its module is imported."""


class TemporaryError(JobsError):
    """The work failed for a temporary reason: another attempt may succeed."""

    is_about_us = False


class PermanentError(JobsError):
    """The work failed for a permanent reason: another attempt would fail too."""

    is_about_us = False
