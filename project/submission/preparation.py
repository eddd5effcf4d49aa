"""Checks a submission and turns it into a job. Pure, except for the clock."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4, uuid5

import orjson

from project.broker.message import MAX_DELAY_SECONDS
from project.errors import InvalidInputError
from project.jobs import Kind, get_kind
from project.json_values import check_json
from project.kinds.files import list_files
from project.ledger import Job, Status

_KEYS = UUID("5c0f7d3e-3f0b-4f57-9d0c-2a1c1f0c8f11")
"""Namespace of job ids that are derived from idempotency keys."""

DEDUPLICATION_SECONDS = 24 * 3600
"""How long a client's deduplication key is held, unless the kind sets another time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A request to run one job; `parameters` are as the client sent them."""

    kind: str
    parameters: Any
    owner: str = ""
    job_id: str = ""
    """The id for the job; empty: a new one."""
    idempotency_key: str = ""
    """A second submission with the same key and content returns the same job; per owner."""
    deduplication_key: str = ""
    """While a job of this kind and key has not failed, a further submission returns that job."""
    run_at: datetime | None = None
    delay_seconds: float | None = None
    parent: Job | None = None
    key: str = ""
    """Its name among its parent's children."""
    rerun_of: str = ""


def make_child(parent: Job, kind: str, parameters: Mapping[str, Any], key: str) -> Submission:
    """The submission of the parent's child of that key; submitting it twice has no effect."""
    return Submission(
        kind=kind,
        parameters=parameters,
        owner=parent.owner,
        idempotency_key=f"child of {parent.id}: {key}",
        key=key,
        parent=parent,
    )


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """A job that is ready to be recorded."""

    job: Job
    submission: Submission
    unique_key: str
    unique_seconds: int
    number: int = 0
    """How many jobs of the same idempotency key were withdrawn before this one."""
    file_ids: tuple[str, ...] = ()
    """The files that its parameters name."""

    @property
    def is_repeatable(self) -> bool:
        """Whether its id was chosen, so that an existing job with that id is this one."""
        return bool(self.submission.idempotency_key or self.submission.job_id)

    def with_next_id(self) -> "PreparedJob":
        """The same job under the key's next id, because a withdrawn job never runs."""
        number = self.number + 1
        return replace(
            self, job=replace(self.job, id=_make_id(self.submission, number)), number=number
        )


def prepare(submission: Submission, trace_id: str) -> PreparedJob:
    """Check a submission and make its job. Raises UnknownKindError or InvalidInputError."""
    kind = get_kind(submission.kind)
    parameters = kind.parse(submission.parameters)
    values = kind.write(parameters)
    if submission.deduplication_key:
        check_json(submission.deduplication_key, "deduplication_key")
    now = datetime.now(UTC)
    job_id = _make_id(submission, 0)
    parent = submission.parent
    job = Job(
        id=job_id,
        kind=kind.name,
        queue=kind.queue_for(parameters),
        status=Status.ACCEPTED,
        parameters=values,
        submitted_at=now,
        owner=submission.owner,
        trace_id=trace_id,
        parent_id=parent.id if parent else "",
        root_id=(parent.root_id or parent.id) if parent else "",
        key=submission.key,
        rerun_of=submission.rerun_of,
        run_at=_find_run_at(submission, now),
        request_digest=_digest_request(submission),
    )
    key, seconds = _find_unique_key(kind, submission, values)
    files = tuple(file_id for _, file_id in list_files(values))
    return PreparedJob(job, submission, key, seconds, file_ids=files)


def is_same_request(found: Job, wanted: Job) -> bool:
    """Whether both jobs come from the same request, sent twice with one idempotency key."""
    if found.kind != wanted.kind or _write(found.parameters) != _write(wanted.parameters):
        return False
    # A record of an older version has no digest, nor has a record restored from its message.
    digests = {found.request_digest, wanted.request_digest} - {""}
    return len(digests) < 2


def _write(parameters: Mapping[str, Any]) -> bytes:
    """Encode for a comparison as JSON: to Python, `true` and 1 are equal."""
    return orjson.dumps(dict(parameters), option=orjson.OPT_SORT_KEYS)


def list_ids(submission: Submission) -> Iterator[str]:
    """The ids of an idempotency key; each is used only if all jobs before it were withdrawn."""
    return (_make_id(submission, number) for number in count())


def delay_seconds(job: Job) -> int:
    """Whole seconds until the job may run; rounded up, so that it never runs too early."""
    if job.run_at is None:
        return 0
    seconds = (job.run_at - datetime.now(UTC)).total_seconds()
    return max(0, -int(-seconds // 1))


def _make_id(submission: Submission, number: int) -> str:
    if submission.idempotency_key:
        name = f"{submission.owner} {number} {submission.idempotency_key}"
        return str(uuid5(_KEYS, name))
    return submission.job_id or str(uuid4())


def _digest_request(submission: Submission) -> str:
    """A digest of a keyed request, except its kind and parameters; empty without such a key.

    It uses the values as sent, because a delay means another moment each time. The key of a child
    or a rerun is internal and sufficient: a dead letter has one rerun, at whatever rate.
    """
    if not submission.idempotency_key or submission.parent or submission.rerun_of:
        return ""
    run_at = submission.run_at.astimezone(UTC) if submission.run_at else None
    delay = None if submission.delay_seconds is None else float(submission.delay_seconds)
    asked = [run_at, delay, submission.deduplication_key]
    return hashlib.sha256(orjson.dumps(asked)).hexdigest()[:16]


def _find_run_at(submission: Submission, now: datetime) -> datetime | None:
    if submission.run_at is not None and submission.delay_seconds is not None:
        raise InvalidInputError("Send run_at or delay_seconds, not both.", field="run_at")
    if submission.run_at is not None and submission.run_at.tzinfo is None:
        raise InvalidInputError("run_at needs a time zone, as in …+00:00 or …Z.", field="run_at")
    if submission.delay_seconds is not None:
        if not 0 <= submission.delay_seconds <= MAX_DELAY_SECONDS:
            raise InvalidInputError(
                f"delay_seconds must be from 0 to {MAX_DELAY_SECONDS}.", field="delay_seconds"
            )
        moment = now + timedelta(seconds=submission.delay_seconds)
    elif submission.run_at is not None:
        moment = submission.run_at
    else:
        return None
    if (moment - now).total_seconds() > MAX_DELAY_SECONDS:
        raise InvalidInputError(
            f"run_at may be at most {MAX_DELAY_SECONDS} seconds from now.", field="run_at"
        )
    return moment if moment > now else None


def _find_unique_key(
    kind: Kind, submission: Submission, values: Mapping[str, Any]
) -> tuple[str, int]:
    """The deduplication key (empty if there is none), and how many seconds it is held."""
    if submission.deduplication_key:
        seconds = kind.unique_for_seconds or DEDUPLICATION_SECONDS
        return f"{kind.name}:key:{submission.deduplication_key}", seconds
    if kind.unique_for_seconds:
        text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(text).hexdigest()[:32]
        return f"{kind.name}:parameters:{digest}", kind.unique_for_seconds
    return "", 0
