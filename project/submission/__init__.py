"""Submits jobs: records them, publishes them, awaits the confirm, and records it.

The answer to the caller is reliable. A job that is returned is confirmed by RabbitMQ, and the
ledger says so: it will reach an outcome. After UnavailableError the job never runs: a worker runs
only jobs that the ledger calls confirmed, and a late confirm cannot be recorded. `confirm_recovery`
keeps both true if Redis restarts in between.
"""

import secrets
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog
from redis import RedisError

from project.broker.publisher import Publisher
from project.errors import (
    JobsError,
    KeyReusedError,
    NotFoundError,
    TransitionError,
    UnavailableError,
    UnforeseenError,
)
from project.jobs import get_offered
from project.ledger import Job, Ledger, Status
from project.ledger.admissions import Admission, Recorded
from project.ledger.job import CONFIRMED
from project.observability.context import Trace
from project.observability.sink import lines_together
from project.observability.spans import NO_SPANS, Spans
from project.submission.batch import Entry, Order, encode, redis_unavailable, unforeseen
from project.submission.committer import UNDER_WAY, Committer
from project.submission.confirm_recovery import ConfirmRecovery
from project.submission.preparation import PreparedJob, Submission, is_same_request, prepare
from project.submission.submit_logging import log_submitted

PART_SIZE = 125
"""How many jobs of a bulk submit share a time limit. A batch has room for two such parts."""

_log = structlog.get_logger()

Answer = Job | JobsError
"""The result of a submission: the job, or why there is none."""


@dataclass(slots=True)
class _Part:
    """At most PART_SIZE jobs of one caller; they share a time limit."""

    started: float
    outcomes: list[Entry | Answer]
    """For each job its answer or, while it is being committed, its entry."""
    order: Order | None = None
    """The order that is being committed."""

    def list_entries(self) -> list[Entry]:
        """The entries that have no answer yet."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Entry)]


@dataclass(frozen=True, slots=True)
class Submitter:
    """Submits, reruns and cancels jobs."""

    ledger: Ledger
    publisher: Publisher
    timeout_seconds: float
    queue_limit: int | None = None
    spans: Spans = NO_SPANS
    committer: Committer = field(init=False)

    def __post_init__(self) -> None:
        committer = Committer(self.ledger.admissions, self.publisher, ConfirmRecovery(self.ledger))
        object.__setattr__(self, "committer", committer)

    def submit(self, submission: Submission, trace: Trace) -> Job:
        """Submit one job.

        If this raises UnknownKindError, InvalidInputError, KeyReusedError, QueueFullError,
        CancelledError (its parent was cancelled) or UnavailableError, nothing will run.
        """
        (answer,) = self.submit_many([submission], trace)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def submit_many(self, submissions: Sequence[Submission], trace: Trace) -> list[Answer]:
        """Submit many jobs; returns an answer for each, in order, and does not raise errors.

        While two parts are being committed, the next one is prepared.
        """
        answers: list[Answer] = []
        begun: deque[_Part] = deque()
        is_alone = len(submissions) <= PART_SIZE
        away = None
        try:
            for start in range(0, len(submissions), PART_SIZE):
                own = submissions[start : start + PART_SIZE]
                begun.append(self._begin(own, trace, is_alone=is_alone))
                if len(begun) > UNDER_WAY:
                    finished = self._finish(begun.popleft())
                    answers += finished
                    if away := _find_away(finished):
                        break  # the rest would fail, too, only slower
            while begun:
                answers += self._finish(begun.popleft())
        finally:
            for part in begun:  # only if the caller was interrupted
                if part.order is not None:
                    self.committer.take_back(part.order)
        if away is not None:
            rest = len(submissions) - len(answers)
            answers += [UnavailableError(away.dependency, away.trouble) for _ in range(rest)]
        return answers

    def rerun(self, job_id: str, trace: Trace, parameters: Any = None) -> Job:
        """Rerun a finished job: a new job that is linked to it, maybe with other parameters.

        TransitionError if it has not finished, UnknownKindError if its kind is not offered to
        clients and it is not a child job. Repeated reruns of a dead job return the same job.
        """
        (answer,) = self.rerun_many([job_id], trace, parameters=parameters)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def rerun_many(
        self,
        job_ids: Sequence[str],
        trace: Trace,
        *,
        rate_per_second: float = 0,
        parameters: Any = None,
    ) -> list[Answer]:
        """Rerun finished jobs; returns an answer for each, in order.

        With a rate all are submitted at once, but become due one after the other, so that they do
        not overload what they depend on, and the caller need not wait.
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
                self._note_rerun(job_ids[number], answer)
        return [answers[number] for number in range(len(job_ids))]

    def _find_parent(self, job: Job) -> Job | None:
        """The parent, if any: the rerun of a child job replaces the child that failed."""
        return self.ledger.find(job.parent_id) if job.parent_id else None

    def cancel(self, job_id: str) -> Job:
        """Cancel a job and the jobs that it has submitted.

        Raises TransitionError if it has finished, NotFoundError or GoneError if it does not exist.
        """
        try:
            job = self.ledger.cancel(job_id)
        except TransitionError:
            if self.ledger.get(job_id).status is Status.CANCELLED:
                self._cancel_children(job_id)  # an earlier call may have been interrupted
            raise
        self._cancel_children(job_id)
        return job

    def _cancel_children(self, job_id: str) -> None:
        for child_id in self.ledger.tree.list_children(job_id):
            with suppress(TransitionError, NotFoundError):  # it had finished already
                self.cancel(child_id)

    def withdraw(self, job: Job) -> None:
        """Prevent the job from running, if Redis can be reached."""
        try:
            self.ledger.cancel(job.id)
        except (RedisError, TransitionError, NotFoundError) as error:
            _log.warning("withdrawal_failed", job_id=job.id, reason=str(error))

    def _note_rerun(self, job_id: str, again: Job) -> None:
        """Link the rerun in its original. A failure is only logged: the new job is accepted."""
        try:
            self.ledger.note_rerun(job_id, again.id)
        except (RedisError, NotFoundError, TransitionError) as error:
            _log.warning("rerun_not_noted", job_id=job_id, reason=str(error))

    # ── The steps of a part ────────────────────────────────────────────────────────────────────

    def _begin(self, submissions: Sequence[Submission], trace: Trace, *, is_alone: bool) -> _Part:
        """Prepare the jobs and begin to commit them; `is_alone`: this thread may commit them."""
        part = _Part(monotonic(), [self._prepare(submission, trace) for submission in submissions])
        self._commit(part, is_alone=is_alone)
        return part

    def _prepare(self, submission: Submission, trace: Trace) -> Entry | JobsError:
        try:
            return self._make_entry(prepare(submission, trace.trace_id), trace)
        except JobsError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a kind's own code; the other jobs continue
            _log.error("submit_failed", kind=submission.kind, jobs=1, exc_info=error)
            return unforeseen(error)

    def _make_entry(self, prepared: PreparedJob, trace: Trace) -> Entry:
        admission = Admission(
            budget_seconds=self.timeout_seconds,
            queue_limit=self.queue_limit,
            unique_key=prepared.unique_key,
            unique_seconds=prepared.unique_seconds,
        )
        submitted = trace.submit(prepared.job.id)
        return Entry(prepared, admission, trace, encode(prepared.job, submitted), submitted)

    def _commit(self, part: _Part, *, is_alone: bool = True) -> None:
        entries, deadline = part.list_entries(), part.started + self.timeout_seconds
        if not entries:
            return
        try:
            self._hold_files(entries)
            part.order = self.committer.begin(entries, deadline, is_alone=is_alone)
        except Exception as error:  # noqa: BLE001 - jobs taken before must get their answers
            is_away = isinstance(error, RedisError)
            if not is_away:
                _log.error("submit_failed", jobs=len(entries), exc_info=error)
            for entry in entries:
                entry.answer = entry.answer or (redis_unavailable if is_away else unforeseen)(error)

    def _hold_files(self, entries: Iterable[Entry]) -> None:
        """Hold the files before the jobs are recorded, so that no sweep removes them meanwhile."""
        for entry in entries:
            if entry.prepared.file_ids:
                self.ledger.file_holders.hold(entry.prepared.job.id, entry.prepared.file_ids)

    def _finish(self, part: _Part) -> list[Answer]:
        """Wait for the answers; some jobs must be committed a second time."""
        while entries := part.list_entries():
            if part.order is not None:
                self.committer.wait(part.order)
                part.order = None
            _log_unrecorded(entries)
            part.outcomes = self._conclude_all(part)
            self._commit(part)
        return [outcome for outcome in part.outcomes if not isinstance(outcome, Entry)]

    def _conclude_all(self, part: _Part) -> list[Entry | Answer]:
        """See `_conclude`. Logs a line for each job, and writes all plain ones at once."""

        def conclude(outcome: Entry | Answer, *, is_done: bool) -> Entry | Answer:
            if not isinstance(outcome, Entry) or isinstance(outcome.answer, Job) is not is_done:
                return outcome
            try:
                return self._conclude(outcome, part.started)
            except Exception as error:  # noqa: BLE001 - the other jobs must get their answers
                _log.error("submit_failed", job_id=outcome.prepared.job.id, jobs=1, exc_info=error)
                return unforeseen(error)

        with lines_together():
            outcomes = [conclude(outcome, is_done=True) for outcome in part.outcomes]
        return [conclude(outcome, is_done=False) for outcome in outcomes]

    def _conclude(self, entry: Entry, started: float) -> Entry | Answer:
        """The answer; or a new entry if the job must be committed once more."""
        answer, job = entry.answer, entry.job
        if isinstance(answer, Recorded):
            return self._settle(entry, answer.job)
        if isinstance(answer, Job):
            if answer.id != entry.prepared.job.id:
                _log.info("job_deduplicated", job_id=answer.id, kind=answer.kind)
            log_submitted(answer, entry.trace, entry.submitted, monotonic() - started, self.spans)
        elif isinstance(answer, UnavailableError) and job is not None:
            _log.error(
                "submit_failed", job_id=job.id, dependency=answer.dependency, exc_info=answer
            )
            return self._give_up(job, answer) if entry.is_to_be_withdrawn else answer
        return answer or UnforeseenError()

    def _settle(self, entry: Entry, job: Job) -> Entry | Answer:
        """Answer with a job that the ledger already had, and that was not published again."""
        prepared = entry.prepared
        if job.id != prepared.job.id:  # the holder of the deduplication key
            _log.info("job_deduplicated", job_id=job.id, kind=job.kind)
        elif not is_same_request(job, prepared.job):
            return KeyReusedError("This Idempotency-Key was used for another job: send a new key.")
        elif job.is_withdrawn and prepared.submission.idempotency_key:
            return self._make_entry(prepared.with_next_id(), entry.trace)
        return self._adopt(entry, job) if job.status in CONFIRMED else job

    def _adopt(self, entry: Entry, job: Job) -> Entry | Answer:
        """Take over a queued job, which its first submit might otherwise withdraw when in doubt."""
        try:
            return self.ledger.admissions.adopt(job.id, secrets.token_hex(6))
        except TransitionError:
            if found := self._find_confirmed(job):
                return found
            prepared = entry.prepared
            if prepared.submission.idempotency_key:
                prepared = prepared.with_next_id()
            return self._make_entry(prepared, entry.trace)
        except RedisError as error:
            return redis_unavailable(error)

    def _give_up(self, job: Job, error: UnavailableError) -> Answer:
        """Withdraw the job, unless another request with the same key has had it confirmed."""
        try:
            self.ledger.admissions.withdraw(job)
        except TransitionError:
            return self._find_confirmed(job) or error
        except RedisError as reason:
            # It stays accepted, so no worker runs it; the reconciler withdraws it later.
            _log.warning("withdrawal_failed", job_id=job.id, reason=str(reason))
        return error

    def _find_confirmed(self, job: Job) -> Job | None:
        try:
            found = self.ledger.find(job.id)
        except RedisError:
            return None
        return None if found is None or found.is_withdrawn else found


def _repeat(
    job: Job, parent: Job | None, parameters: Any, delay_seconds: float | None
) -> Submission:
    if not job.status.is_finished:
        raise TransitionError(f"Job {job.id} is {job.status}: only a finished job can be rerun.")
    if parent is None or parameters is not None:
        # A child job that a job's code has submitted may be rerun only below the same parent and
        # unchanged; otherwise clients could run kinds that are not offered, with any parameters.
        get_offered(job.kind)
    return Submission(
        kind=job.kind,
        parameters=job.parameters if parameters is None else parameters,
        owner=job.owner,
        # A dead letter is rerun only once, however often and from wherever a rerun is requested.
        idempotency_key=f"rerun of {job.id}" if job.status is Status.DEAD else "",
        delay_seconds=delay_seconds,
        parent=parent,
        key=job.key,
        rerun_of=job.id,
    )


def _due_in(number: int, rate_per_second: float) -> float | None:
    return number / rate_per_second if rate_per_second else None


def _log_unrecorded(entries: Sequence[Entry]) -> None:
    """Log one line for all entries that Redis did not record."""
    errors = [e.answer for e in entries if e.job is None and isinstance(e.answer, UnavailableError)]
    if errors:
        away = errors[0]
        _log.error("submit_failed", dependency=away.dependency, jobs=len(errors), exc_info=away)


def _find_away(answers: Sequence[Answer]) -> UnavailableError | None:
    """The error of an unavailable dependency, if no job was accepted; None otherwise."""
    if any(isinstance(answer, Job) for answer in answers):
        return None
    return next((answer for answer in answers if isinstance(answer, UnavailableError)), None)
