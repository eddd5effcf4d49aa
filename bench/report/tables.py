"""The tables of the report."""

from bench.report.figures import Figures, Value
from bench.systems.catalog import SYSTEMS

CPU = ("main", "children", "RabbitMQ", "Redis")


def drain_table(figures: Figures) -> list[str]:
    """Jobs a second, and milliseconds of CPU a job by where they were spent."""
    rows = []
    for name in figures.systems("drain"):
        rate = figures.value("drain", name, "jobs_a_second")
        cpu = [figures.value("drain", name, "cpu_ms_a_job", part) for part in CPU]
        total = sum(value.median for value in cpu if value)
        submitted = figures.value("drain", name, "submitted_a_second")
        cells = [show_rate(rate), *(show(value, ".2f") for value in cpu), f"{total:.2f}"]
        rows.append([SYSTEMS[name].title, *cells, show_rate(submitted)])
    heads = ["", "drain, jobs/s", *(f"{part}, ms" for part in CPU), "all, ms", "submit, jobs/s"]
    return table(heads, rows)


def http_table(figures: Figures) -> list[str]:
    """Requests a second."""
    rows = []
    for name in figures.systems("http"):
        cells = []
        for verb in ("post", "get"):
            cells.append(show_rate(figures.value("http", name, verb, "a_second")))
            cells += [
                show(figures.value("http", name, verb, part), ".1f")
                for part in ("p50_ms", "p99_ms")
            ]
        cpu = figures.value("http", name, "post", "cpu_ms_a_request", "web")
        rows.append([SYSTEMS[name].title, *cells, show(cpu, ".2f")])
    heads = [
        "",
        "POST/s",
        "p50, ms",
        "p99, ms",
        "GET/s",
        "p50, ms",
        "p99, ms",
        "web CPU a POST, ms",
    ]
    return table(heads, rows)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def show(value: Value | None, form: str) -> str:
    return "–" if value is None else format(value.median, form)


def show_rate(value: Value | None) -> str:
    """The median and, of several rounds, the spread."""
    if value is None:
        return "–"
    spread = f" ± {value.spread:.0%}" if len(value.rounds) > 1 else ""
    return f"{value.median:,.0f}{spread}"
