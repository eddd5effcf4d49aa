"""The tables of jobs with work or payload, of more processes, and of servers further away.

The last column is our figure divided by the row's, within the same rounds: how many times as many
jobs we do or, for milliseconds, how many times as long we take.
"""

from collections.abc import Iterator

from bench.report.figures import Figures, Value
from bench.report.wording import NONE, show, show_rate, table

OURS = "jobs"


def overhead_table(figures: Figures) -> list[str]:
    """Return rows by the jobs' length: the ideal, what is missing, CPU time beside the jobs'."""
    rows = []
    for length, name in _each(figures, "overhead", ("1", "10", "100")):
        path = ("overhead", name, length)
        rate, ideal = (figures.value(*path, part) for part in ("jobs_a_second", "ideal_a_second"))
        shown = [
            show_rate(rate),
            show(ideal, ",.0f"),
            show(figures.value(*path, "missing_share"), ".1%"),
            show(figures.value(*path, "added_cpu_ms"), ".2f"),
            show(figures.value(*path, "added_cpu_share"), ".1%"),
        ]
        beside = _beside(figures, "overhead", name, length, "jobs_a_second")
        rows.append([f"{length} ms", figures.title(name), *shown, beside])
    heads = ["job", "", "jobs/s", "ideal, /s", "missing", "CPU beside it, ms", "of the job"]
    return table([*heads, "Jobs' rate"], rows)


def payload_table(figures: Figures) -> list[str]:
    """Return rows by payload and size: submits, jobs and bytes a second, and Redis's traffic."""
    rows = []
    for way in ("parameter", "result"):
        for size, name in _each(figures, "payload", ("1 KB", "32 KB", "1 MB"), way):
            path = ("payload", name, way, size)
            through = (figures.value(*path, "redis_bytes_a_job", part) for part in _REDIS)
            cells = [
                show_rate(figures.value(*path, "submitted_a_second")),
                show_rate(figures.value(*path, "jobs_a_second")),
                show(_scale(figures.value(*path, "bytes_a_second"), 1e-6), ",.1f"),
                show(figures.value(*path, "cpu_ms_a_job", "+"), ".2f"),
                *(show(_scale(value, 1e-3), ",.1f") for value in through),
            ]
            beside = _beside(figures, "payload", name, way, size, "jobs_a_second")
            rows.append([f"{way}, {size}", figures.title(name), *cells, beside])
    heads = ["", "", "submitted/s", "jobs/s", "MB/s", "CPU, ms", "Redis reads, KB", "writes, KB"]
    return table([*heads, "Jobs' rate"], rows)


def processes_table(figures: Figures) -> list[str]:
    """Return rows by the number of worker processes: jobs a second, CPU time a job with servers."""
    rows = []
    for count, name in _each(figures, "processes", ("1", "2", "4", "8")):
        path = ("processes", name, count)
        rate = show_rate(figures.value(*path, "jobs_a_second"))
        cost = show(figures.value(*path, "cpu_ms_a_job", "+"), ".2f")
        beside = _beside(figures, "processes", name, count, "jobs_a_second")
        rows.append([count, figures.title(name), rate, cost, beside])
    return table(["processes", "", "jobs/s", "CPU, ms", "Jobs' rate"], rows)


def delay_table(figures: Figures) -> list[str]:
    """Return drain, round trip and requests, and the same run's figures without the delay."""
    rows = []
    for name in figures.systems("delay"):
        rows.append([f"**{figures.title(name)}**", *[""] * 3])
        for title, path, form in _DELAYED:
            far = figures.value("delay", name, *path)
            near = figures.value(path[0], name, *path[1:])
            beside = _beside(figures, "delay", name, *path)
            rows.append([title, show(far, form), show(near, form), beside])
        ping = show(figures.value("delay", name, "ping_ms"), ".2f")
        rows.append(["a round trip to Redis, ms", ping, NONE, NONE])
    return table(["", "1 ms away", "near", "Jobs' figure"], rows)


_REDIS = ("read", "written")
_DELAYED = (
    ("drain, jobs/s", ("drain", "jobs_a_second"), ",.0f"),
    ("round trip p50, ms", ("trips", "p50_ms"), ".2f"),
    ("round trip p99, ms", ("trips", "p99_ms"), ".2f"),
    ("POST/s", ("http", "post", "a_second"), ",.0f"),
    ("POST p50, ms", ("http", "post", "p50_ms"), ".1f"),
)


def _each(
    figures: Figures, measure: str, sizes: tuple[str, ...], *path: str
) -> Iterator[tuple[str, str]]:
    """Yield each size with each system that has figures of it: rows to compare are together."""
    for size in sizes:
        for name in figures.systems(measure):
            if any(size in _at(entry, path) for entry in figures.entries(measure, name)):
                yield size, name


def _at(entry: dict[str, object], path: tuple[str, ...]) -> dict[str, object]:
    for part in path:
        found = entry.get(part)
        entry = found if isinstance(found, dict) else {}
    return entry


def _beside(figures: Figures, measure: str, name: str, *path: str) -> str:
    """Return our figure divided by theirs."""
    ratio = figures.ratio((measure, OURS, *path), (measure, name, *path))
    return NONE if ratio is None or name == OURS else f"{ratio.median:.2f} ×"


def _scale(value: Value | None, factor: float) -> Value | None:
    return value and Value(tuple(number * factor for number in value.rounds))
