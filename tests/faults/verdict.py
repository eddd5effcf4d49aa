"""The verdict on a storm: was what each client was told what happened? Values in, values out.

It compares three witnesses: the clients' answers, the journal that the jobs kept themselves, and
the outcomes, as the API tells them and as the workers have logged them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from tests.faults.journal import Run

HANG_SECONDS = 10
SLOW_SECONDS = 2.5
"""About two seconds are promised; a submit that took longer is pointed out."""
SHOWN = 10
"""Violations of one sort that are told one by one."""
CALM = "calm"

EXPECTED: Mapping[str, str] = {
    "faults.step": "succeeded",
    "faults.quick": "succeeded",
    "faults.walk": "succeeded",
    "faults.flaky": "succeeded",
    "faults.family": "succeeded",
    "faults.crash": "failed",
    "faults.poison": "dead",
}
FINISHED = {"succeeded", "failed", "cancelled", "dead"}


@dataclass(frozen=True)
class Answer:
    """What one submit was answered."""

    code: int
    """The HTTP status; 0 where there was no answer."""
    seconds: float = 0
    troubles: tuple[str, str] = (CALM, CALM)
    """What was being done to the stack when it was sent, and when it was answered."""
    job_id: str = ""
    retry_after: float = 0
    reason: str = ""

    @property
    def trouble(self) -> str:
        """The trouble it belongs to."""
        return next((trouble for trouble in self.troubles if trouble != CALM), CALM)


@dataclass
class Submission:
    """One job that a client wanted to have done, and all answers to its tries."""

    token: int
    kind: str
    key: str = ""
    answers: list[Answer] = field(default_factory=list)

    @property
    def job_ids(self) -> set[str]:
        """The jobs it was told of."""
        return {answer.job_id for answer in self.answers if answer.job_id}

    @property
    def is_refused(self) -> bool:
        """Every answer said that nothing was accepted."""
        return bool(self.answers) and all(answer.code in (429, 503) for answer in self.answers)


@dataclass(frozen=True)
class Evidence:
    """All that is known after a storm."""

    submissions: Sequence[Submission]
    runs: Sequence[Run]
    statuses: Mapping[str, str]
    """Job id → its status at the end, by the API."""
    outcomes: Mapping[str, int]
    """Job id → how many outcomes the workers have logged for it."""
    web_troubles: frozenset[str] = frozenset()
    """The troubles that hit the web server itself: then a request may go without an answer."""


@dataclass(frozen=True)
class Row:
    """What the submits during one trouble were answered."""

    trouble: str
    submits: int
    accepted: int
    too_many: int
    unavailable: int
    no_answer: int
    slowest_seconds: float


@dataclass(frozen=True)
class Verdict:
    """What was found."""

    violations: list[str]
    figures: dict[str, int | float]
    rows: list[Row]

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations


def judge(evidence: Evidence) -> Verdict:
    """Compare what happened with what was promised."""
    runs: dict[int, list[Run]] = defaultdict(list)
    for run in evidence.runs:
        runs[run.token].append(run)
    violations = [
        *_told("lost", _find_lost(evidence)),
        *_told("wrong outcome", _find_wrong(evidence, runs)),
        *_told("two at once", _find_overlaps(runs.values())),
        *_told("refused, and ran", _find_run_though_refused(evidence, runs)),
        *_told("more than one outcome", _find_repeated_outcomes(evidence)),
        *_told("two jobs for one key", _find_repeated_keys(evidence)),
        *_told("hang", _find_hangs(evidence)),
        *_told("unexpected answer", _find_unexpected_answers(evidence)),
    ]
    return Verdict(violations, _count(evidence, runs), _tabulate(evidence.submissions))


def _told(sort: str, sentences: Iterable[str]) -> list[str]:
    found = list(sentences)
    more = [f"{sort}: … and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return [f"{sort}: {sentence}" for sentence in found[:SHOWN]] + more


def _find_lost(evidence: Evidence) -> Iterable[str]:
    for submission, job_id in _accepted(evidence):
        status = evidence.statuses.get(job_id, "unknown")
        if status not in FINISHED:
            yield f"{_name(submission, job_id)} was accepted and is {status or 'never seen'}"


def _find_wrong(evidence: Evidence, runs: Mapping[int, list[Run]]) -> Iterable[str]:
    for submission, job_id in _accepted(evidence):
        status = evidence.statuses.get(job_id, "")
        if status in FINISHED and status != EXPECTED[submission.kind]:
            yield f"{_name(submission, job_id)} is {status}"
        if status == "succeeded" and not any(run.is_done for run in runs.get(submission.token, ())):
            yield f"{_name(submission, job_id)} is succeeded, but no run came to its end"


def _find_overlaps(runs: Iterable[list[Run]]) -> Iterable[str]:
    for of_one in runs:
        for run in of_one:
            if run.is_beside_another:
                yield f"token {run.token}: attempt {run.attempt} began while another one still ran"
        for first, second in combinations(of_one, 2):
            if first.overlaps(second):
                yield (
                    f"token {first.token}: attempts {first.attempt} and {second.attempt} ran at "
                    "the same time"
                )


def _find_run_though_refused(evidence: Evidence, runs: Mapping[int, list[Run]]) -> Iterable[str]:
    for submission in evidence.submissions:
        if submission.is_refused and submission.token in runs:
            last = submission.answers[-1]
            yield f"token {submission.token} was answered {last.code} during {last.trouble}"


def _find_repeated_outcomes(evidence: Evidence) -> Iterable[str]:
    for job_id, count in evidence.outcomes.items():
        if count > 1:
            yield f"job {job_id} has {count}"


def _find_repeated_keys(evidence: Evidence) -> Iterable[str]:
    for submission in evidence.submissions:
        if len(submission.job_ids) > 1:
            yield f"token {submission.token}: {', '.join(sorted(submission.job_ids))}"


def _find_hangs(evidence: Evidence) -> Iterable[str]:
    for submission, answer in _answers(evidence):
        if answer.seconds >= HANG_SECONDS:
            yield f"token {submission.token} during {answer.trouble}: {answer.seconds:.1f} s"


def _find_unexpected_answers(evidence: Evidence) -> Iterable[str]:
    for submission, answer in _answers(evidence):
        if answer.code == 0 and not evidence.web_troubles & set(answer.troubles):
            yield f"token {submission.token} got none during {answer.trouble}: {answer.reason}"
        elif answer.code not in (0, 202, 429, 503):
            yield f"token {submission.token} got {answer.code} during {answer.trouble}"


def _count(evidence: Evidence, runs: Mapping[int, list[Run]]) -> dict[str, int | float]:
    submissions = {submission.token: submission for submission in evidence.submissions}
    answers = [answer for _, answer in _answers(evidence)]
    accepted = list(_accepted(evidence))
    return {
        "jobs wanted": len(submissions),
        "jobs accepted": len({job_id for _, job_id in accepted}),
        "jobs refused": sum(submission.is_refused for submission in submissions.values()),
        "jobs with no answer": sum(
            not submission.job_ids and not submission.is_refused
            for submission in submissions.values()
        ),
        "jobs ended": sum(evidence.statuses.get(job_id) in FINISHED for _, job_id in accepted),
        "outcomes logged": sum(evidence.outcomes.values()),
        "runs": len(evidence.runs),
        "runs begun again": sum(
            _count_reruns(submissions[token].kind, of_one)
            for token, of_one in runs.items()
            if token in submissions and submissions[token].kind != "faults.poison"
        ),
        "jobs done more than once": sum(
            sum(run.is_done for run in of_one) > 1 for of_one in runs.values()
        ),
        "attempt numbers used twice": sum(
            len(of_one) - len({run.attempt for run in of_one}) for of_one in runs.values()
        ),
        "answers": len(answers),
        "answers 202": sum(answer.code == 202 for answer in answers),
        "answers 429": sum(answer.code == 429 for answer in answers),
        "answers 503": sum(answer.code == 503 for answer in answers),
        "no answer": sum(answer.code == 0 for answer in answers),
        f"submits over {SLOW_SECONDS} s": sum(answer.seconds > SLOW_SECONDS for answer in answers),
        "slowest submit, s": round(max((answer.seconds for answer in answers), default=0), 2),
    }


def _count_reruns(kind: str, runs: list[Run]) -> int:
    """Runs beyond the first; a flaky job's failed attempt was followed by another on purpose."""
    planned = sum(run.ended_ns is not None and not run.is_done for run in runs)
    return max(0, len(runs) - 1 - (planned if kind in {"faults.flaky", "faults.family"} else 0))


def _tabulate(submissions: Iterable[Submission]) -> list[Row]:
    during: dict[str, list[Answer]] = defaultdict(list)
    for submission in submissions:
        for answer in submission.answers:
            during[answer.trouble].append(answer)
    return [_row(trouble, answers) for trouble, answers in sorted(during.items())]


def _row(trouble: str, answers: list[Answer]) -> Row:
    codes = Counter(answer.code for answer in answers)
    slowest = max(answer.seconds for answer in answers)
    return Row(trouble, len(answers), codes[202], codes[429], codes[503], codes[0], slowest)


def _accepted(evidence: Evidence) -> Iterable[tuple[Submission, str]]:
    for submission in evidence.submissions:
        for job_id in submission.job_ids:
            yield submission, job_id


def _answers(evidence: Evidence) -> Iterable[tuple[Submission, Answer]]:
    for submission in evidence.submissions:
        for answer in submission.answers:
            yield submission, answer


def _name(submission: Submission, job_id: str) -> str:
    during = ", ".join(sorted({answer.trouble for answer in submission.answers}))
    return f"{submission.kind} {job_id} (token {submission.token}, submitted during {during})"
