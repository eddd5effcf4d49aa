"""Makes the report from the raw figures alone, so it can be made again without measuring.

figures     computes medians, spreads and ratios
wording     formats them
head        says what was measured on, and how
goals       lists the goals, and whether they are met
losses      lists where others are better
tables      has the figures of all systems, `own_tables` ours alone, `load_tables` jobs with work
            or payload, more processes, servers further away
guarantees  lists what each system guarantees
limits      shows how far we are from the limits
charts      draws the chart
"""

import json
from collections.abc import Iterable
from pathlib import Path

from bench.report import charts, load_tables, own_tables, tables
from bench.report.figures import Figures
from bench.report.goals import goals_table
from bench.report.guarantees import guarantees_table
from bench.report.head import head, systems_list
from bench.report.limits import limits_table
from bench.report.losses import list_losses


def write_report(output: Path) -> None:
    """Write the Markdown and the chart beside the raw figures."""
    figures = Figures(json.loads(output.with_suffix(".json").read_text()))
    chart = output.with_suffix(".svg")
    is_drawn = charts.draw(figures, chart)
    text = render(figures, chart.name if is_drawn else "")
    output.write_text(text)
    print(text)


def render(figures: Figures, chart: str) -> str:
    """Return the whole report, with the sections that have figures."""
    measured = {entry["measure"] for entry in figures.raw["figures"]}
    lines = ["# Jobs beside other systems", "", *head(figures)]
    lines += ["## Goals", "", *goals_table(figures)]
    lines += [f"![Drain and POST, by system]({chart})", ""] if chart else []
    lines += ["## Where others are better", "", *list_losses(figures), ""]
    for measures, title, words, table in _sections(figures):
        if measured & measures:
            lines += [f"## {title}", "", *([words, ""] if words else []), *table]
    lines += ["## Guarantees", "", GUARANTEES, "", *guarantees_table(figures)]
    lines += ["## The systems", "", *systems_list(figures), *_failures(figures)]
    return "\n".join(lines).rstrip() + "\n"


def _sections(figures: Figures) -> Iterable[tuple[set[str], str, str, list[str]]]:
    """Yield each section's measures, title, text and table."""
    yield {"drain"}, "Drain", DRAIN, tables.drain_table(figures)
    yield {"submit"}, "Submit, from one thread", SUBMIT, tables.submit_table(figures)
    yield {"trips"}, "Round trip, idle", TRIPS, tables.trips_table(figures)
    yield {"http"}, "HTTP, no worker running", HTTP, tables.http_table(figures, "http")
    yield {"http-busy"}, "HTTP, workers running", BUSY, tables.http_table(figures, "http-busy")
    yield {"overhead"}, "Jobs of 1, 10 and 100 ms", OVERHEAD, load_tables.overhead_table(figures)
    yield {"payload"}, "Large parameters and results", PAYLOAD, load_tables.payload_table(figures)
    yield {"processes"}, "More processes", PROCESSES, load_tables.processes_table(figures)
    yield {"delay"}, "Servers 1 ms away", DELAY, load_tables.delay_table(figures)
    yield {"bulk"}, "Bulk, over HTTP", BULK, own_tables.bulk_table(figures)
    yield {"live"}, "Live status", "", own_tables.live_table(figures)
    yield {"queues"}, "Queues", QUEUES, own_tables.queues_table(figures)
    yield {"mixed"}, "Quick jobs beside slow ones", MIXED, own_tables.mixed_table(figures)
    yield {"streams"}, "Open event streams", STREAMS, own_tables.streams_table(figures)
    yield {"ledger"}, "The ledger", LEDGER, own_tables.ledger_table(figures)
    yield {"depth"}, "Queue depth", DEPTH, own_tables.depth_table(figures)
    yield {"memory"}, "Memory", MEMORY, own_tables.memory_table(figures)
    yield {"submit", "bulk", "drain", "http"}, "How far from the limits", "", limits_table(figures)
    yield {"profile"}, "What dominates now", PROFILE, own_tables.profile_tables(figures)


def _failures(figures: Figures) -> list[str]:
    found = figures.failures()
    lines = [f"- {entry['measure']}, {entry['system']}: {entry['failed']}" for entry in found]
    return ["## Failed measurements", "", *lines] if lines else []


DRAIN = (
    "Jobs wait while no worker runs; then the workers start. The rate counts from 20 % to 100 % of "
    "the jobs; CPU time a job is what the processes used meanwhile, by /proc. At the end each job "
    "has its result, and ours is `succeeded` in the ledger with its outcome line in the log."
)
SUBMIT = (
    "No worker runs. Each job is confirmed if the system has confirms. Bulk is the system's own "
    "way to submit many jobs, if it has one."
)
TRIPS = "From the submit to the result, one job after the other, by the system's own client."
HTTP = (
    "wrk, 16 connections and 64, the same script for all; only 2xx responses count. CPU time is "
    "that of one request."
)
BUSY = "The same, while our workers run the jobs on the same two cores."
OVERHEAD = (
    "Jobs that use that much CPU time, in two processes. In the ideal, each process, as far as "
    "there are cores, only runs jobs. Missing is the difference between the rate and the ideal: "
    "everything that other programs do, waits, and the noise of the machine. CPU time beside the "
    "job's is that of worker and servers; for long jobs, it includes what both use all the time. "
    "The jobs are busy: if they slept, the work that other programs do for them would be free."
)
PAYLOAD = (
    "A parameter or a result of that size, as text that hardly compresses. MB/s is the payload of "
    "the finished jobs. Redis reads and writes are those of one job, from its submit to its end. "
    "Jobs are submitted one by one, while no worker runs."
)
PROCESSES = (
    "Like the drain, by the number of worker processes; Dramatiq's have 8 threads each. A machine "
    "whose jobs wait for other services has more processes than cores."
)
DELAY = (
    "RabbitMQ and Redis are each behind a proxy that forwards all bytes after 1 ms, each way, for "
    "all processes of a system. The proxy takes CPU time of the same machine."
)
GUARANTEES = (
    "As measured here: what happens to a submitted or running job when its worker, RabbitMQ or "
    "Redis is killed and comes back; whether its state is recorded; and whether clients can watch "
    "it live."
)
QUEUES = "A short job's round trip, without and with 10,000 jobs waiting in the long queue."
BULK = "`POST /api/v1/jobs/bulk`, a thousand jobs a request, one request after the other."
MIXED = (
    "Nine of ten jobs sleep 1 ms, the others 2 s, in one queue with four processes. They arrive at "
    "random moments, the same for each system, at 60 % of what the processes could do. The wait of "
    "a job of 1 ms is from the moment when it is due to be posted until it starts. At times all "
    "processes run jobs of 2 s, so some waits are that long in any system."
)
STREAMS = (
    "That many browsers keep a stream open; one more awaits its events. Seen: from a POST to the "
    "event of the job's end."
)
LEDGER = (
    "Costs by the number of jobs; [a million](ledger.md), and [what a log line costs](logs.md)."
)
DEPTH = (
    "Raw messages in a queue with our queues' arguments: the average of 1,000 each. `--deep` "
    "measures up to a million."
)
MEMORY = (
    "Proportional set size of an idle system after some work: web with 2 processes, two workers "
    "with 2 processes each, the scheduler. RabbitMQ, Redis and Flower are separate."
)
PROFILE = "py-spy's samples, by the part of the code that was running, and by the top function."
