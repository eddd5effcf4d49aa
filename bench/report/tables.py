"""The tables of what all systems have: drain, submits, round trips, requests."""

from bench.report.figures import Figures
from bench.report.wording import show, show_rate, table
from bench.systems.catalog import SYSTEMS

CPU = ("main", "children", "RabbitMQ", "Redis")
TRIP = ("p50_ms", "p99_ms")


def drain_table(figures: Figures) -> list[str]:
    """Jobs a second, and milliseconds of CPU a job by where they were spent."""
    rows = []
    for name in figures.systems("drain"):
        cpu = [figures.value("drain", name, "cpu_ms_a_job", part) for part in (*CPU, "+")]
        rate = show_rate(figures.value("drain", name, "jobs_a_second"))
        rows.append([SYSTEMS[name].title, rate, *(show(value, ".2f") for value in cpu)])
    heads = ["", "jobs/s", "main, ms", "children, ms", "RabbitMQ, ms", "Redis, ms", "all, ms"]
    return table(heads, rows)


def submit_table(figures: Figures) -> list[str]:
    """Jobs a second from one thread, and the client's CPU time a job."""
    rows = []
    for name in figures.systems("submit"):
        cells = []
        for way in ("one", "bulk"):
            cells.append(show_rate(figures.value("submit", name, way, "jobs_a_second")))
            cost = figures.value("submit", name, way, "cpu_ms_a_job", "client")
            cells.append(show(cost, ".3f"))
        rows.append([SYSTEMS[name].title, *cells])
    return table(["", "one by one, /s", "client, ms", "bulk, /s", "client, ms"], rows)


def trips_table(figures: Figures) -> list[str]:
    """Milliseconds."""
    rows = [
        [
            SYSTEMS[name].title,
            *(show(figures.value("trips", name, part), ".2f") for part in TRIP),
        ]
        for name in figures.systems("trips")
    ]
    return table(["", "p50, ms", "p99, ms"], rows)


def http_table(figures: Figures, measure: str) -> list[str]:
    """Requests a second, their latency, and CPU time a POST."""
    rows = []
    for name in figures.systems(measure):
        cells = []
        for verb in ("post", "get"):
            cells.append(show_rate(figures.value(measure, name, verb, "a_second")))
            cells += [show(figures.value(measure, name, verb, part), ".1f") for part in TRIP]
        cpu = [
            show(figures.value(measure, name, "post", "cpu_ms_a_request", part), ".2f")
            for part in ("web", "+")
        ]
        rows.append([SYSTEMS[name].title, *cells, *cpu, _count_bad(figures, measure, name)])
    heads = ["", "POST/s", "p50, ms", "p99, ms", "GET/s", "p50, ms", "p99, ms"]
    return table([*heads, "POST: web CPU, ms", "with servers, ms", "not 2xx"], rows)


def _count_bad(figures: Figures, measure: str, name: str) -> str:
    """Answers that are no 2xx, and connections that failed, in all rounds."""
    found = [
        entry[verb][kind]
        for entry in figures.entries(measure, name)
        for verb in ("post", "get")
        for kind in ("bad", "errors")
    ]
    return str(sum(found))
