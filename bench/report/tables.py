"""The tables of figures that all systems have: drain, submits, round trips, requests."""

from bench.report.figures import Figures
from bench.report.wording import show, show_rate, table

CPU = ("main", "children", "RabbitMQ", "Redis")
TRIP = ("p50_ms", "p99_ms")


def drain_table(figures: Figures) -> list[str]:
    """Return jobs a second, and CPU milliseconds a job by process."""
    rows = []
    for name in figures.systems("drain"):
        cpu = [figures.value("drain", name, "cpu_ms_a_job", part) for part in (*CPU, "+")]
        rate = show_rate(figures.value("drain", name, "jobs_a_second"))
        rows.append([figures.title(name), rate, *(show(value, ".2f") for value in cpu)])
    heads = ["", "jobs/s", "main, ms", "processes, ms", "RabbitMQ, ms", "Redis, ms", "all, ms"]
    return table(heads, rows)


def submit_table(figures: Figures) -> list[str]:
    """Return jobs a second from one thread, and the client's CPU time a job."""
    rows = []
    for name in figures.systems("submit"):
        cells = []
        for way in ("one", "bulk"):
            cells.append(show_rate(figures.value("submit", name, way, "jobs_a_second")))
            cost = figures.value("submit", name, way, "cpu_ms_a_job", "client")
            cells.append(show(cost, ".3f"))
        rows.append([figures.title(name), *cells])
    return table(["", "one by one, /s", "client, ms", "bulk, /s", "client, ms"], rows)


def trips_table(figures: Figures) -> list[str]:
    """Milliseconds."""
    rows = [
        [
            figures.title(name),
            *(show(figures.value("trips", name, part), ".2f") for part in TRIP),
        ]
        for name in figures.systems("trips")
    ]
    return table(["", "p50, ms", "p99, ms"], rows)


def http_table(figures: Figures, measure: str) -> list[str]:
    """Return requests a second, their latency, and CPU time a request by process."""
    rows = []
    for verb, title in _REQUESTS.items():
        for name in figures.systems(measure):
            path = (measure, name, verb)
            rate = figures.value(*path, "a_second")
            if rate is None:
                continue
            cpu = [
                show(figures.value(*path, "cpu_ms_a_request", part), ".2f")
                for part in ("web", "RabbitMQ", "Redis", "+")
            ]
            latency = [show(figures.value(*path, part), ".1f") for part in TRIP]
            bad = _count_bad(figures, *path)
            rows.append([title, figures.title(name), show_rate(rate), *latency, *cpu, bad])
    heads = ["", "", "/s", "p50, ms", "p99, ms", "web CPU, ms", "RabbitMQ, ms", "Redis, ms"]
    return table([*heads, "all, ms", "not 2xx"], rows)


_REQUESTS = {"post": "POST, 16", "post_64": "POST, 64", "get": "GET, 16"}


def _count_bad(figures: Figures, measure: str, name: str, verb: str) -> str:
    """Return the number of responses that are not 2xx and of failed connections, in all rounds."""
    found = [
        entry[verb][kind]
        for entry in figures.entries(measure, name)
        for kind in ("bad", "errors")
        if verb in entry
    ]
    return str(sum(found))
