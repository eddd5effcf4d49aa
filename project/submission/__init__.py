"""Submitting jobs: record them, publish them, await the confirm, and note it.

What the caller is told is what happens. A job that is returned is confirmed by the broker, and the
ledger says so: it will reach an outcome. Where UnavailableError is raised, the job never runs: a
worker runs no job that the ledger does not call queued, and the confirm can be noted in time only.
Where Redis ends in the middle of that, `aftermath` sees to it that both stay true.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import orjson
import structlog
from redis import RedisError

from project.errors import (
    JobsError,
    KeyReusedError,
    NotFoundError,
    TransitionError,
    UnavailableError,
    UnforeseenError,
)
from project.jobs import get_offered
from project.jobs.file_fields import list_files
from project.ledger import Job, Ledger, Status
from project.ledger.store import Admission, Recorded
from project.message import make_message
from project.observability.context import Trace
from project.observability.spans import NO_SPANS, Spans
from project.publisher import Publisher
from project.publisher.releasing import Releasing
from project.redis_client import describe_outage
from project.submission.aftermath import Aftermath
from project.submission.draft import Draft, Submission, delay_seconds, prepare
from project.submission.telling import find_submit, tell

BATCH_SIZE = 500
"""So many jobs of a bulk submit share one wait for confirms, and one time limit."""

NOTED_SECONDS = 0.8
"""A confirm is noted within this time after it was sent, or not at all. Less than the second that
the web server's Redis client waits: so who has given up knows that it will not be noted later."""

_log = structlog.get_logger()

Answer = Job | JobsError
"""What became of a submission: the job, or why there is none."""


@dataclass(frozen=True, slots=True)
class Submitter:
    """Hands jobs to the workers."""

    ledger: Ledger
    publisher: Publisher
    timeout_seconds: float
    lane_limit: int | None = None
    spans: Spans = NO_SPANS
    aftermath: Aftermath = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "aftermath", Aftermath(self.ledger))
        # A job that ends, or is cancelled, by this process may be what another one has waited for.
        self.ledger.on_release = Releasing(self.ledger.find, self.publisher)

    def submit(self, submission: Submission, trace: Trace) -> Job:
        """Submit one job.

        When this raises UnknownKindError, InvalidInputError, KeyReusedError, LaneFullError,
        CancelledError (its parent was cancelled) or UnavailableError, nothing will run.
        """
        (answer,) = self.submit_many([submission], trace)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def submit_many(self, submissions: Sequence[Submission], trace: Trace) -> list[Answer]:
        """Submit many jobs; an answer each, in their order. Raises none of them."""
        answers: list[Answer] = []
        for start in range(0, len(submissions), BATCH_SIZE):
            batch = submissions[start : start + BATCH_SIZE]
            try:
                answers += self._submit_batch(batch, trace)
            except Exception as error:
                if not answers:
                    raise
                # Whose jobs were taken must be told so, whatever mistake of ours this one is.
                _log.error("submit_failed", jobs=len(batch), exc_info=error)
                answers += [_unforeseen(error) for _ in batch]
            if _is_part_away(answers[start:]):  # it would be no better for the rest, only slower
                away = next(a for a in answers[start:] if isinstance(a, UnavailableError))
                rest = len(submissions) - len(answers)
                return answers + [UnavailableError(away.part, away.trouble) for _ in range(rest)]
        return answers

    def retry(self, job_id: str, trace: Trace, parameters: Any = None) -> Job:
        """Run an ended job again, as a new job that is linked to it, maybe with other parameters.

        TransitionError where it has not ended, UnknownKindError where its kind is not offered to
        clients, unless it is a part of another job. Of a dead job, repeated calls are one.
        """
        (answer,) = self.retry_many([job_id], trace, parameters=parameters)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def retry_many(
        self,
        job_ids: Sequence[str],
        trace: Trace,
        *,
        rate_per_second: float = 0,
        parameters: Any = None,
    ) -> list[Answer]:
        """Run ended jobs again; an answer each, in their order.

        With a rate they are submitted at once and become due one after the other, so that what they
        need is not overrun, and nobody has to wait beside it.
        """
        answers: dict[int, Answer] = {}
        again: dict[int, Submission] = {}
        for number, job_id in enumerate(job_ids):
            try:
                job = self.ledger.get(job_id)
                again[number] = _repeat(
                    job, self._find_parent(job), parameters, _due_in(len(again), rate_per_second)
                )
            except JobsError as error:
                answers[number] = error
        for number, answer in zip(
            again, self.submit_many(list(again.values()), trace), strict=True
        ):
            answers[number] = answer
            if isinstance(answer, Job):
                self._note_replay(job_ids[number], answer)
        return [answers[number] for number in range(len(job_ids))]

    def _find_parent(self, job: Job) -> Job | None:
        """A part that is run again takes the place of the one that has failed."""
        return self.ledger.find(job.parent_id) if job.parent_id else None

    def cancel(self, job_id: str) -> Job:
        """Cancel a job and the jobs that it has submitted.

        Raises TransitionError where it has ended, NotFoundError or GoneError where there is none.
        """
        try:
            job = self.ledger.cancel(job_id)
        except TransitionError:
            if self.ledger.get(job_id).status is Status.CANCELLED:
                self._cancel_children(job_id)  # an earlier call may not have got so far
            raise
        self._cancel_children(job_id)
        return job

    def _cancel_children(self, job_id: str) -> None:
        for child_id in self.ledger.list_children(job_id):
            with suppress(TransitionError, NotFoundError):  # it has ended before
                self.cancel(child_id)

    def withdraw(self, job: Job) -> None:
        """See to it that the job does not run, as far as Redis can be reached."""
        try:
            self.ledger.cancel(job.id)
        except (RedisError, TransitionError, NotFoundError) as error:
            _log.warning("withdrawal_failed", job_id=job.id, reason=str(error))

    def _note_replay(self, job_id: str, again: Job) -> None:
        """The new job is accepted, whether its original can be told so or not."""
        try:
            self.ledger.note_replay(job_id, again.id)
        except (RedisError, NotFoundError, TransitionError) as error:
            _log.warning("replay_not_noted", job_id=job_id, reason=str(error))

    # ── The steps of a batch ───────────────────────────────────────────────────────────────────

    def _submit_batch(self, submissions: Sequence[Submission], trace: Trace) -> list[Answer]:
        """Prepare, record, publish, confirm; each step leaves to the next what is still open."""
        started = monotonic()
        answers: dict[int, Answer] = {}
        drafts: dict[int, Draft] = {}
        for number, submission in enumerate(submissions):
            try:
                drafts[number] = prepare(submission, trace.trace_id)
            except JobsError as error:
                answers[number] = error
            except Exception as error:  # noqa: BLE001 - a kind's own code; its neighbours go on
                _log.error("submit_failed", kind=submission.kind, jobs=1, exc_info=error)
                answers[number] = _unforeseen(error)
        by = secrets.token_hex(6)
        recorded = self._record(drafts, answers, by)
        recorded_at = monotonic()
        published = self._publish(recorded, answers, trace, started)
        self._confirm(published, answers, _Submit(by, trace, started, recorded_at))
        return [answers[number] for number in range(len(submissions))]

    def _record(
        self, drafts: dict[int, Draft], answers: dict[int, Answer], by: str
    ) -> dict[int, Job]:
        """Write the jobs, or find those that the same keys made before; those to be published."""
        recorded: dict[int, Job] = {}
        while drafts:
            try:
                self._hold_files(drafts.values())
                found = self.ledger.record_many(
                    [draft.job for draft in drafts.values()],
                    [self._admission(draft) for draft in drafts.values()],
                )
            except RedisError as error:
                _log.error("submit_failed", part="Redis", jobs=len(drafts), exc_info=error)
                answers |= {number: _unavailable(error) for number in drafts}
                return recorded
            again: dict[int, Draft] = {}
            for (number, draft), answer in zip(drafts.items(), found, strict=True):
                settled = answer if isinstance(answer, Exception) else _settle(draft, answer)
                if isinstance(settled, Job) and settled.status is Status.QUEUED:
                    settled = self._adopt(draft, settled, by)
                if settled is None and isinstance(answer, Recorded):
                    recorded[number] = answer.job
                elif isinstance(settled, Draft):
                    again[number] = settled
                elif settled is not None:
                    answers[number] = settled
            drafts = again
        return recorded

    def _hold_files(self, drafts: Iterable[Draft]) -> None:
        """Before the jobs are recorded: no sweep comes between."""
        for draft in drafts:
            if file_ids := [file_id for _, file_id in list_files(draft.job.parameters)]:
                self.ledger.hold_files(draft.job.id, file_ids)

    def _adopt(self, draft: Draft, job: Job, by: str) -> Draft | Answer:
        """A found job that waits, as this submit's own: its first one may be in doubt about it."""
        try:
            return self.ledger.adopt(job.id, by)
        except TransitionError:
            found = self._find_confirmed(job)
            return found or (draft.with_next_id() if draft.submission.idempotency_key else draft)
        except RedisError as error:
            return _unavailable(error)

    def _admission(self, draft: Draft) -> Admission:
        return Admission(
            budget_seconds=self.timeout_seconds,
            lane_limit=self.lane_limit,
            unique_key=draft.unique_key,
            unique_seconds=draft.unique_seconds,
        )

    def _publish(
        self, jobs: dict[int, Job], answers: dict[int, Answer], trace: Trace, started: float
    ) -> dict[int, Job]:
        """Hand the messages to the broker under one wait; the jobs that it has confirmed."""
        if not jobs:
            return {}
        messages = [
            make_message(job, find_submit(job, trace), delay_seconds=delay_seconds(job))
            for job in jobs.values()
        ]
        left = self.timeout_seconds - (monotonic() - started)
        outcomes = self.publisher.publish(messages, max(0.1, left))
        published: dict[int, Job] = {}
        for (number, job), error in zip(jobs.items(), outcomes, strict=True):
            if error is None:
                published[number] = job
                continue
            _log.error("submit_failed", job_id=job.id, part=error.part, exc_info=error)
            answers[number] = self._give_up(job, error)
        return published

    def _confirm(self, jobs: dict[int, Job], answers: dict[int, Answer], submit: "_Submit") -> None:
        """Note the broker's confirms: from here on the jobs run."""
        if not jobs:
            return
        try:
            within_seconds = monotonic() - submit.recorded_at + NOTED_SECONDS
            confirmed = self.ledger.confirm_many(
                list(jobs.values()), within_seconds=within_seconds, by=submit.by
            )
        except (RedisError, NotFoundError) as error:
            _log.error("submit_failed", part="Redis", jobs=len(jobs), exc_info=error)
            self.aftermath.doubt(jobs.values(), submit.by)
            answers |= {number: _unavailable(error) for number in jobs}
            return
        self.aftermath.remember(answer for answer in confirmed if isinstance(answer, Job))
        for (number, job), answer in zip(jobs.items(), confirmed, strict=True):
            if isinstance(answer, TransitionError):
                _log.error("submit_failed", job_id=job.id, part="Redis", reason=str(answer))
                answers[number] = self._give_up(job, _unavailable(answer))
                continue
            answers[number] = answer
            tell(job, submit.trace, monotonic() - submit.started_at, self.spans)

    def _give_up(self, job: Job, error: UnavailableError) -> Answer:
        """The job will not run, unless another request with its key has had more luck."""
        try:
            self.ledger.withdraw(job)
        except TransitionError:
            return self._find_confirmed(job) or error
        except RedisError as reason:
            # It stays accepted, and no worker runs that; the reconciler tells so in its record.
            _log.warning("withdrawal_failed", job_id=job.id, reason=str(reason))
        return error

    def _find_confirmed(self, job: Job) -> Job | None:
        try:
            found = self.ledger.find(job.id)
        except RedisError:
            return None
        return None if found is None or found.is_withdrawn else found


@dataclass(frozen=True, slots=True)
class _Submit:
    """One batch's submit: its name, whose it is, when it began and had recorded (`monotonic`)."""

    by: str
    trace: Trace
    started_at: float
    recorded_at: float


def _repeat(
    job: Job, parent: Job | None, parameters: Any, delay_seconds: float | None
) -> Submission:
    if not job.status.is_final:
        raise TransitionError(f"Job {job.id} is {job.status}: only an ended job can be retried.")
    if parent is None or parameters is not None:
        # What our own code has submitted is run again as a part of the same job and as it was, or
        # else anybody could run kinds that are not offered, with parameters of their own.
        get_offered(job.kind)
    return Submission(
        kind=job.kind,
        parameters=job.parameters if parameters is None else parameters,
        owner=job.owner,
        # A dead letter is replayed once, however often and from wherever that is asked for.
        idempotency_key=f"replay of {job.id}" if job.status is Status.DEAD else "",
        delay_seconds=delay_seconds,
        parent=parent,
        key=job.key,
        replay_of=job.id,
    )


def _due_in(number: int, rate_per_second: float) -> float | None:
    return number / rate_per_second if rate_per_second else None


def _settle(draft: Draft, recorded: Recorded) -> Draft | Answer | None:
    """None: the job is to be published. A draft: it is to be recorded under its next id.

    Else the ledger has a job already, and the answer is that, or a refusal. One that is accepted
    has a submitter who has not finished, or never will: it is published again, so that this answer
    does not depend on that one's luck. Of two messages the claim drops one.
    """
    job = recorded.job
    if recorded.is_new:
        return None
    if job.id != draft.job.id:  # the holder of the deduplication key
        _log.info("job_deduplicated", job_id=job.id, kind=job.kind)
        return None if job.status is Status.ACCEPTED else job
    if not _is_same_request(job, draft.job):
        return KeyReusedError("This Idempotency-Key was used for another job: send a new one.")
    if job.is_withdrawn and draft.submission.idempotency_key:
        return draft.with_next_id()
    return None if job.status is Status.ACCEPTED else job


def _is_same_request(found: Job, wanted: Job) -> bool:
    if found.kind != wanted.kind or _write(found.parameters) != _write(wanted.parameters):
        return False
    # A record of an older version has no digest, nor has one that was made anew from its message.
    digests = {found.request_digest, wanted.request_digest} - {""}
    return len(digests) < 2


def _write(parameters: Mapping[str, Any]) -> bytes:
    """As JSON has them: to Python, `true` and 1 are equal."""
    return orjson.dumps(dict(parameters), option=orjson.OPT_SORT_KEYS)


def _unavailable(cause: BaseException) -> UnavailableError:
    error = UnavailableError("Redis", describe_outage(cause))
    error.__cause__ = cause
    return error


def _unforeseen(cause: BaseException) -> UnforeseenError:
    error = UnforeseenError()
    error.__cause__ = cause
    return error


def _is_part_away(answers: Sequence[Answer]) -> bool:
    """Whether a part is away, and not only a queue that one of the messages wants."""
    failed = [answer for answer in answers if isinstance(answer, UnavailableError)]
    return bool(failed) and not any(isinstance(answer, Job) for answer in answers)
