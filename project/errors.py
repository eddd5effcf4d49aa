"""The exception tree: one root, one sentence each. `server.problems` decides the HTTP statuses."""

from collections.abc import Sequence
from enum import StrEnum


class JobsError(Exception):
    """Root of every error this project raises on purpose."""

    is_about_us = True
    """Whether its text tells of jobs, queues and servers only, and never quotes what somebody sent:
    then a log line may hold it."""


class InvalidInputError(JobsError):
    """What the client sent cannot be used; the message says what to change."""

    is_about_us = False

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidPictureError(InvalidInputError):
    """The file is not a picture that can be taken."""


class TooLargeError(InvalidInputError):
    """The upload is larger than the limit."""


class UnknownKindError(InvalidInputError):
    """No kind of that name is defined."""


class MissingFileError(InvalidInputError):
    """A job was to be given a file that the store does not have."""


class UnreadableMessageError(JobsError):
    """A message that no worker can run; the sentence says why, and quotes nothing of it."""


class NewerMessageError(UnreadableMessageError):
    """A message of a newer version, which a newer worker can run: see `ledger.record_format`."""


class UnsendableMessageError(JobsError):
    """A message that no frame can carry; nothing was sent."""


class NotFoundError(JobsError):
    """There is no such job, file, schedule or sign-up."""

    is_about_us = False


class GoneError(NotFoundError):
    """There was such a job; it ended long ago and is forgotten."""


class OccupiedError(JobsError):
    """The id is taken, or there is no room for one more."""


class LinkInvalidError(JobsError):
    """The confirmation link was not made by us."""


class LinkExpiredError(JobsError):
    """The confirmation link is too old."""


class KeyReusedError(JobsError):
    """The Idempotency-Key has been used for another job."""


class UnavailableError(JobsError):
    """A dependency does not answer, or does not do its work; nothing was accepted."""

    def __init__(self, dependency: str, trouble: str = "does not answer") -> None:
        super().__init__(f"{dependency} {trouble} at the moment; nothing was accepted.")
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
    """A mistake of ours has kept one of many jobs from being submitted."""

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side with this job; the log has the details.")


class QueueFullError(JobsError):
    """Too many jobs wait in the queue: it takes no more for now."""

    def __init__(self, queue: str, depth: int) -> None:
        super().__init__(f"{depth} jobs wait in the queue {queue} already: try again later.")
        self.queue = queue
        self.depth = depth


class TransitionError(JobsError):
    """The job's status does not allow that step."""


class UndecidedError(JobsError):
    """The job's client has not been told yet whether it was taken."""

    def __init__(self, job_id: str, seconds_left: float) -> None:
        super().__init__(f"Job {job_id} is accepted: whether it was taken is not decided.")
        self.seconds_left = seconds_left


class HolderState(StrEnum):
    """How another attempt holds its lease."""

    HELD = "held"
    LAST_CALL = "last_call"
    """It has run out, and its holder is asked once more whether it lives."""
    SILENT = "silent"
    """The last call is over, too: whoever knows of no reason to wait may take it over."""


class LeasedError(JobsError):
    """Another attempt of the job is still running."""

    def __init__(self, job_id: str, holder: str, state: HolderState = HolderState.HELD) -> None:
        super().__init__(f"Job {job_id} is still run by {holder}.")
        self.holder = holder
        self.state = state


class ExhaustedError(JobsError):
    """So many attempts of the job ended without an outcome that it is given up."""

    def __init__(self, job_id: str, losses: int) -> None:
        super().__init__(f"{losses} attempts of job {job_id} ended without an outcome.")


class CancelledError(JobsError):
    """The job was asked to stop (raised inside its own code), or the one that it is a part of."""


class WorkerStop(SystemExit):
    """Ends a process in the midst of a job, whose worker stops: the job goes back to its queue."""


class Suspension(BaseException):
    """Ends an attempt whose job waits for its children; raised inside its code, by `gather`.

    No Exception: a job's own `except Exception` must not hold it up.
    """

    def __init__(
        self, job_ids: Sequence[str], wake_on: str, finished: int, total: int | None, step: str
    ) -> None:
        super().__init__(f"It waits for {len(job_ids)} jobs.")
        self.job_ids = job_ids
        self.wake_on = wake_on
        self.finished = finished
        self.total = total
        self.step = step


class MistakenError(JobsError):
    """A message has the id of a job of another kind."""

    def __init__(self, job_id: str, kind: str) -> None:
        super().__init__(f"Job {job_id} is of the kind {kind}.")


class DefinitionError(JobsError):
    """A kind is defined wrongly; found when its module is imported."""


class TemporaryError(JobsError):
    """The work failed for a reason that may pass: worth another attempt."""

    is_about_us = False


class PermanentError(JobsError):
    """The work failed for a reason that stays: another attempt would fail too."""

    is_about_us = False
