"""Where others do better, made from the figures."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.report.figures import Figures

OURS = "jobs"
LIMIT = "Limit"
"""Titles of what is no system begin so: nobody is as quick."""
NOISE = 1.05
"""Less than this is no difference."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One figure that all systems have."""

    what: str
    measure: str
    path: tuple[str, ...]
    is_more_better: bool


CONTESTS = (
    Contest("drains more jobs a second", "drain", ("jobs_a_second",), True),
    Contest("takes less CPU time a job", "drain", ("cpu_ms_a_job", "+"), False),
    Contest("submits more jobs a second from one thread", "submit", ("one", "jobs_a_second"), True),
    Contest("submits more jobs a second in bulk", "submit", ("bulk", "jobs_a_second"), True),
    Contest("has a shorter round trip, p50", "trips", ("p50_ms",), False),
    Contest("has a shorter round trip, p99", "trips", ("p99_ms",), False),
    Contest("takes more POSTs a second", "http", ("post", "a_second"), True),
    Contest("answers a POST sooner, p99", "http", ("post", "p99_ms"), False),
    Contest("answers more GETs a second", "http", ("get", "a_second"), True),
    *(
        Contest(f"does more jobs of {length} ms", "overhead", (length, "jobs_a_second"), True)
        for length in ("1", "10", "100")
    ),
    *(
        Contest(
            f"does more jobs with a {way} of {size}",
            "payload",
            (way, size, "jobs_a_second"),
            True,
        )
        for way in ("parameter", "result")
        for size in ("1 KB", "32 KB", "1 MB")
    ),
    *(
        Contest(
            f"drains more jobs with {count} process{'es' if count != '1' else ''}",
            "processes",
            (count, "jobs_a_second"),
            True,
        )
        for count in ("1", "2", "4", "8")
    ),
    Contest("drains more, servers 1 ms away", "delay", ("drain", "jobs_a_second"), True),
    Contest("has a shorter round trip, servers 1 ms away", "delay", ("trips", "p50_ms"), False),
    Contest("takes more POSTs, servers 1 ms away", "delay", ("http", "post", "a_second"), True),
    Contest("needs less memory", "memory", ("mib", "all"), False),
)


def list_losses(figures: Figures) -> list[str]:
    """A line for each figure at which somebody is better, the best first."""
    lines = []
    for contest in CONTESTS:
        winners = sorted(_find_winners(figures, contest), reverse=True)
        if winners:
            named = ", ".join(f"{title} ({factor:.1f} ×)" for factor, title in winners)
            lines.append(f"- Who {contest.what}: {named}.")
    return lines or ["Nowhere, by these figures."]


def _find_winners(figures: Figures, contest: Contest) -> Iterator[tuple[float, str]]:
    """By how much each is better."""
    ours = (contest.measure, OURS, *contest.path)
    for name in figures.systems(contest.measure):
        title = figures.title(name)
        ratio = figures.ratio((contest.measure, name, *contest.path), ours)
        if ratio is None or name.startswith(OURS) or title.startswith(LIMIT):
            continue
        factor = ratio.median if contest.is_more_better else 1 / max(ratio.median, 1e-9)
        if factor > NOISE:
            yield factor, title
