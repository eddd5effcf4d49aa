"""The tables of figures that only Jobs has, now and at an earlier commit."""

from bench.ledger import costs_table
from bench.report.figures import Figures
from bench.report.wording import show, show_rate, table

OURS = "jobs"


def live_table(figures: Figures) -> list[str]:
    """Return milliseconds from a POST until the client sees the job's end."""
    ways = {"stream": "POST → server-sent event", "poll": "POST, then GET every 5 ms"}
    return _trips_table(figures, "live", ways)


def queues_table(figures: Figures) -> list[str]:
    """Return a short job's round trip."""
    states = {"idle": "idle", "busy": "with 10,000 waiting long jobs"}
    return _trips_table(figures, "queues", states)


def mixed_table(figures: Figures) -> list[str]:
    """Return a quick job's wait."""
    parts = ("p50_ms", "p99_ms", "mean_ms")
    rows = [
        [
            figures.title(name),
            *(show(figures.value("mixed", name, part), ",.1f") for part in parts),
        ]
        for name in figures.systems("mixed")
    ]
    return table(["", "p50, ms", "p99, ms", "mean, ms"], rows)


def bulk_table(figures: Figures) -> list[str]:
    """Return jobs a second, and CPU milliseconds a job by process."""
    rows = []
    for name in figures.systems("bulk"):
        cpu = [
            show(figures.value("bulk", name, "cpu_ms_a_job", part), ".3f")
            for part in ("web", "RabbitMQ", "Redis", "+")
        ]
        rate = show_rate(figures.value("bulk", name, "jobs_a_second"))
        rows.append([figures.title(name), rate, *cpu])
    return table(["", "jobs/s", "web, ms", "RabbitMQ, ms", "Redis, ms", "all, ms"], rows)


def streams_table(figures: Figures) -> list[str]:
    """Return rows by the number of open streams."""
    rows = []
    for count in _keys(figures, "streams"):
        cells = [show(figures.value("streams", OURS, count, "kib_a_stream"), ".0f")]
        for what in ("seen", "post"):
            cells += [
                show(figures.value("streams", OURS, count, what, part), ".1f") for part in _PARTS
            ]
        rows.append([f"{int(count):,}", *cells])
    heads = ["streams", "KiB a stream", "seen, p50 ms", "p99 ms", "POST, p50 ms", "p99 ms"]
    return table(heads, rows)


def depth_table(figures: Figures) -> list[str]:
    """Return rows by the number of waiting messages."""
    rows = [
        [
            f"{int(depth):,}",
            *(show(figures.value("depth", OURS, depth, part), ".0f") for part in _COSTS),
        ]
        for depth in _keys(figures, "depth")
    ]
    return table(["messages", "publish and confirm, µs", "deliver and ack, µs"], rows)


def ledger_table(figures: Figures) -> list[str]:
    """Return costs by the number of jobs."""
    entries = figures.entries("ledger", OURS)
    return [*costs_table(entries[-1]["costs"]), ""] if entries else []


def memory_table(figures: Figures) -> list[str]:
    """Return MiB by program."""
    systems = figures.systems("memory")
    parts = list(figures.entries("memory", systems[0])[0]["mib"]) if systems else []
    rows = [
        [
            figures.title(name),
            *(show(figures.value("memory", name, "mib", part), ".0f") for part in parts),
        ]
        for name in systems
    ]
    return table(["", *(f"{part}, MiB" for part in parts)], rows)


def profile_tables(figures: Figures) -> list[str]:
    """Return the top shares of each process."""
    lines: list[str] = []
    for entry in figures.entries("profile", OURS)[-1:]:
        for process, title in _PROCESSES.items():
            found = entry[process]
            lines += [f"**{title}** ({found['samples']:,} samples)", ""]
            modules = [f"`{name}` {share:.0%}" for name, share in found["modules"].items()]
            functions = [f"`{name}` {share:.0%}" for name, share in found["own"].items()]
            lines += [f"- Code below it, by part: {', '.join(modules)}."]
            lines += [f"- Code itself, by function: {', '.join(functions)}.", ""]
    return lines


_PARTS = ("p50_ms", "p99_ms")
_COSTS = ("publish_us", "deliver_us")
_PROCESSES = {
    "main": "The worker's main process, during a drain",
    "child": "A worker process",
    "web": "A web process, while jobs are posted",
}


def _trips_table(figures: Figures, measure: str, ways: dict[str, str]) -> list[str]:
    """Return milliseconds of each way, by system."""
    rows = [
        [
            title,
            figures.title(name),
            *(show(figures.value(measure, name, way, part), ".2f") for part in _PARTS),
        ]
        for way, title in ways.items()
        for name in figures.systems(measure)
    ]
    return table(["", "", "p50, ms", "p99, ms"], rows)


def _keys(figures: Figures, measure: str) -> list[str]:
    """Return the measured sizes."""
    plain = {"round", "measure", "system", "took_seconds"}
    return [
        key for entry in figures.entries(measure, OURS)[:1] for key in entry if key not in plain
    ]
