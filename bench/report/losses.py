"""Lists where other systems do better, from the figures."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.report.figures import Figures

OURS = "jobs"
LIMIT = "Limit"
"""Titles of limits begin with this: they are not systems."""
NOISE = 1.05
"""A smaller factor is not a difference."""


@dataclass(frozen=True, slots=True)
class Contest:
    """A figure that all systems have."""

    what: str
    measure: str
    path: tuple[str, ...]
    is_more_better: bool


CONTESTS = (
    Contest("Drains more jobs a second", "drain", ("jobs_a_second",), True),
    Contest("Takes less CPU time a job", "drain", ("cpu_ms_a_job", "+"), False),
    Contest("Submits more jobs a second from one thread", "submit", ("one", "jobs_a_second"), True),
    Contest("Submits more jobs a second in bulk", "submit", ("bulk", "jobs_a_second"), True),
    Contest("Has a shorter round trip, p50", "trips", ("p50_ms",), False),
    Contest("Has a shorter round trip, p99", "trips", ("p99_ms",), False),
    Contest("Takes more POSTs a second", "http", ("post", "a_second"), True),
    Contest("Answers a POST sooner, p99", "http", ("post", "p99_ms"), False),
    Contest("Answers more GETs a second", "http", ("get", "a_second"), True),
    *(
        Contest(f"Does more jobs of {length} ms", "overhead", (length, "jobs_a_second"), True)
        for length in ("1", "10", "100")
    ),
    *(
        Contest(
            f"Does more jobs with a {way} of {size}",
            "payload",
            (way, size, "jobs_a_second"),
            True,
        )
        for way in ("parameter", "result")
        for size in ("1 KB", "32 KB", "1 MB")
    ),
    *(
        Contest(
            f"Drains more jobs with {count} process{'es' if count != '1' else ''}",
            "processes",
            (count, "jobs_a_second"),
            True,
        )
        for count in ("1", "2", "4", "8")
    ),
    Contest("Drains more, servers 1 ms away", "delay", ("drain", "jobs_a_second"), True),
    Contest("Has a shorter round trip, servers 1 ms away", "delay", ("trips", "p50_ms"), False),
    Contest("Takes more POSTs, servers 1 ms away", "delay", ("http", "post", "a_second"), True),
    Contest("Needs less memory", "memory", ("mib", "all"), False),
)


def list_losses(figures: Figures) -> list[str]:
    """Return a line for each figure in which others are better, the best first."""
    lines = []
    for contest in CONTESTS:
        winners = sorted(_find_winners(figures, contest), reverse=True)
        if winners:
            named = ", ".join(f"{title} ({factor:.1f} ×)" for factor, title in winners)
            lines.append(f"- {contest.what}: {named}.")
    return lines or ["Nowhere, by these figures."]


def _find_winners(figures: Figures, contest: Contest) -> Iterator[tuple[float, str]]:
    """Yield the factor by which each better system is better."""
    ours = (contest.measure, OURS, *contest.path)
    for name in figures.systems(contest.measure):
        title = figures.title(name)
        ratio = figures.ratio((contest.measure, name, *contest.path), ours)
        if ratio is None or name.startswith(OURS) or title.startswith(LIMIT):
            continue
        factor = ratio.median if contest.is_more_better else 1 / max(ratio.median, 1e-9)
        if factor > NOISE:
            yield factor, title
