"""The verdict on the lines that a storm has left: values in, values out.

Every line must be whole, as the schema says, and written once; every line about a job must have its
trace, and all lines of a job the same one; each request and each attempt has one outcome line; and
nothing that clients or jobs have put anywhere may be in any line.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.log_lines import find_problems

SECRET_MARK = "s3cr3t-"
"""Every secret that a storm plants begins with it."""
ATTEMPT_ENDS = {"job_finished", "job_retrying", "job_requeued", "attempt_lost"}
BROKERS_KEYS = {"time", "level", "msg", "pid"}


@dataclass
class Lines:
    """What the files held."""

    ours: list[dict[str, Any]] = field(default_factory=list)
    brokers: int = 0
    torn: list[str] = field(default_factory=list)
    telling: list[str] = field(default_factory=list)
    """Lines that hold a secret."""

    def count_outcomes(self) -> Counter[str]:
        """Job id → how many `job_finished` lines there are about it."""
        return Counter(_job_of(line) for line in self.ours if action_of(line) == "job_finished")


def read(files: Iterable[str], printed: Iterable[str]) -> Lines:
    """Lines of the log files, and of what processes have printed: there, not all are JSON."""
    lines = Lines()
    for text in files:
        if not text.isspace():
            _take(lines, text, is_torn_bad=True)
    for text in printed:
        _take(lines, text, is_torn_bad=False)
    return lines


def _take(lines: Lines, text: str, *, is_torn_bad: bool) -> None:
    if SECRET_MARK in text:
        lines.telling.append(text[:300])
    try:
        document = json.loads(text)
    except ValueError:
        if is_torn_bad:
            lines.torn.append(text[:300])
        return
    if not isinstance(document, dict):
        return
    if "ecs.version" in document:
        lines.ours.append(document)
    elif document.keys() >= BROKERS_KEYS:
        lines.brokers += 1
    elif is_torn_bad:
        lines.torn.append(text[:300])


@dataclass(frozen=True)
class LogVerdict:
    """What was found."""

    violations: list[str]
    figures: dict[str, int | float]


def judge(lines: Lines) -> LogVerdict:
    """Compare the lines with what is promised of them."""
    by_job = _group_by_job(lines.ours)
    found: dict[str, Sequence[str]] = {
        "torn line": lines.torn,
        "secret in a line": lines.telling,
        "invalid line": list(_find_invalid(lines.ours)),
        "line written twice": _find_repeated(lines.ours),
        "job's line without a trace": list(_find_traceless(lines.ours)),
        "two traces of one job": list(_find_torn_stories(by_job)),
        "wrong parent": list(_find_wrong_parents(by_job)),
        "two outcomes of one attempt": list(_find_two_ends(lines.ours)),
        "two lines of one request": list(_find_two_answers(lines.ours)),
    }
    return LogVerdict(
        [f"{sort}: {one}" for sort, all_ in found.items() for one in list(all_)[:5]]
        + [f"{sort}: {len(all_)} in all" for sort, all_ in found.items() if len(all_) > 5],
        _count(lines, by_job),
    )


def action_of(line: Mapping[str, Any]) -> str:
    """The event's name; empty for a library's record."""
    return str(line["event"].get("action", ""))


def _job_of(line: Mapping[str, Any]) -> str:
    return str(line.get("celery", {}).get("task", {}).get("id", ""))


def _group_by_job(lines: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if job_id := _job_of(line):
            found[job_id].append(line)
    return found


def _find_invalid(lines: Iterable[dict[str, Any]]) -> Iterator[str]:
    for line in lines:
        for problem in find_problems(line):
            yield f"{line.get('message')!r:.80} {problem}"


def _find_repeated(lines: Iterable[dict[str, Any]]) -> list[str]:
    counted = Counter(line["event"]["id"] for line in lines)
    return [line_id for line_id, count in counted.items() if count > 1]


def _find_traceless(lines: Iterable[dict[str, Any]]) -> Iterator[str]:
    for line in lines:
        if _job_of(line) and "trace" not in line:
            yield f"{line['message']!r:.80} of {_job_of(line)}"


_REFUSALS = frozenset({"submit_failed", "withdrawal_failed"})


def _find_torn_stories(by_job: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    """A job that was refused has none: a second request for it may be the first one to Redis, which
    has lost the other."""
    for job_id, lines in by_job.items():
        if all(action_of(line) in _REFUSALS for line in lines):
            continue
        traces = {line["trace"]["id"] for line in lines if "trace" in line}
        if len(traces) > 1:
            yield f"{job_id}: {', '.join(sorted(traces))}"


def _find_wrong_parents(by_job: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Each attempt is the child of the job's submit, and the job of whoever submitted it."""
    for job_id, lines in by_job.items():
        submits = {
            line["span"]["id"]
            for line in lines
            if action_of(line) == "job_submitted" and "span" in line
        }
        starts = [line for line in lines if action_of(line) == "job_started"]
        for line in starts:
            parent = line.get("parent", {}).get("id")
            if submits and parent not in submits:
                yield f"{job_id}: attempt under {parent}, submitted as {', '.join(submits)}"
        families = {line["celery"]["task"].get("parent_id") for line in starts}
        if len(families) > 1:
            yield f"{job_id}: attempts of {families}"


def _find_two_ends(lines: Iterable[dict[str, Any]]) -> Iterator[str]:
    counted = Counter(
        (_job_of(line), line["celery"]["task"].get("attempt"))
        for line in lines
        if action_of(line) in ATTEMPT_ENDS
    )
    yield from (f"{job_id}, attempt {number}" for (job_id, number), n in counted.items() if n > 1)


def _count_endless(lines: Iterable[dict[str, Any]]) -> int:
    begun, finished, given_up = set(), set(), set()
    for line in lines:
        attempt = (_job_of(line), line.get("celery", {}).get("task", {}).get("attempt"))
        match action_of(line):
            case "job_started":
                begun.add(attempt)
            case "job_died" | "dead_letter_taken":
                given_up.add(_job_of(line))
            case action if action in ATTEMPT_ENDS:
                finished.add(attempt)
    return sum(attempt[0] not in given_up for attempt in begun - finished)


def _find_two_answers(lines: Iterable[dict[str, Any]]) -> Iterator[str]:
    counted = Counter(
        line["transaction"]["id"] for line in lines if action_of(line) == "http_request"
    )
    yield from (span for span, count in counted.items() if count > 1)


def _count(lines: Lines, by_job: Mapping[str, list[dict[str, Any]]]) -> dict[str, int | float]:
    actions = Counter(map(action_of, lines.ours))
    attempts = Counter(_job_of(line) for line in lines.ours if action_of(line) == "job_started")
    return {
        "log lines": len(lines.ours),
        "log lines of libraries": actions[""],
        "log lines of RabbitMQ": lines.brokers,
        "log lines invalid": sum(bool(find_problems(line)) for line in lines.ours),
        "roles that wrote": len({line["service"]["node"]["roles"][0] for line in lines.ours}),
        "sorts of events": len(actions.keys() - {""}),
        "jobs of a schedule": actions["schedule_due"],
        "jobs with lines": len(by_job),
        "jobs of more than one attempt": sum(count > 1 for count in attempts.values()),
        "attempts begun": actions["job_started"],
        # A process that is killed between the outcome and its line writes none.
        "attempts with no outcome line": _count_endless(lines.ours),
        "jobs with a parent": sum(
            any("parent_id" in line["celery"]["task"] for line in of_one)
            for of_one in by_job.values()
        ),
        "jobs' lines without a trace": len(list(_find_traceless(lines.ours))),
        "lines with a secret": len(lines.telling),
    }
