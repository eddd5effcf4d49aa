"""The report: made from the raw figures alone, so it can be made again without measuring.

figures     medians, spreads and ratios
wording     how they are written
head        what was measured on, and how
goals       the ratios that are wanted
losses      where others are better
tables      what all systems have; `own_tables` what is ours alone, `load_tables` jobs with work or
            payload, more processes, servers further away
guarantees  what each system guarantees
limits      how far we are from the limits
charts      the chart
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
    """The whole report, with those sections that there are figures for."""
    measured = {entry["measure"] for entry in figures.raw["figures"]}
    lines = ["# Jobs beside other systems", "", *head(figures)]
    lines += ["## What is wanted", "", *goals_table(figures)]
    lines += [f"![Drain and POST, by system]({chart})", ""] if chart else []
    lines += ["## Where we lose", "", *list_losses(figures), ""]
    for measures, title, words, table in _sections(figures):
        if measured & measures:
            lines += [f"## {title}", "", *([words, ""] if words else []), *table]
    lines += ["## What each guarantees", "", GUARANTEES, "", *guarantees_table(figures)]
    lines += ["## The systems", "", *systems_list(figures), *_failures(figures)]
    return "\n".join(lines).rstrip() + "\n"


def _sections(figures: Figures) -> Iterable[tuple[set[str], str, str, list[str]]]:
    """Each section's measures, title, words, table."""
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
    return ["## What failed", "", *lines] if lines else []


DRAIN = (
    "Jobs wait while no worker runs; then the workers start. The rate is that from 20 % to 100 % "
    "of the jobs; CPU time a job is what processes used in between, by /proc. At the end each job "
    "has its result, and ours is `succeeded` in the ledger with its outcome line in the log."
)
SUBMIT = (
    "No worker runs. Each job is confirmed where the system confirms. Bulk is the system's own way "
    "to submit many, where it has one."
)
TRIPS = "From the submit to the result in hand, one job after the other, by the system's own means."
HTTP = (
    "wrk, 16 connections and 64, the same script for all; only 2xx answers count. CPU time is that "
    "of one request."
)
BUSY = "The same, while our workers do the jobs on the same two cores."
OVERHEAD = (
    "Jobs that use so much CPU time, in two processes. Missing is what the rate lacks to the "
    "ideal, in which each process, as far as there are cores, does nothing but the jobs: all that "
    "others do, waits, and the noise of the machine. CPU time beside the job's is that of worker "
    "and servers; of long jobs, part of it is what both use all the time. The jobs are busy: while "
    "one sleeps, what others do for it costs nothing."
)
PAYLOAD = (
    "A parameter or a result of that size, as text that can hardly be compressed. MB/s is the "
    "payload of the jobs that were done. What Redis reads and writes is that of one job, from its "
    "submit to its end. Submitted one by one, while no worker runs."
)
PROCESSES = (
    "As the drain, by the number of worker processes; Dramatiq's have 8 threads each. A machine "
    "whose jobs wait for others has more processes than cores."
)
DELAY = (
    "RabbitMQ and Redis each behind a proxy that hands on all bytes after 1 ms, each way, to all "
    "processes of a system. The proxy takes CPU time of the same machine."
)
GUARANTEES = (
    "As measured here. What happens to a job whose submit has returned, or which runs, when its "
    "worker, RabbitMQ or Redis is killed and comes back; whether its state is recorded; and "
    "whether others can watch it live."
)
QUEUES = "A short job's round trip, before and while 10,000 jobs wait in the long queue."
BULK = "`POST /api/v1/jobs/bulk`, a thousand jobs a request, one request after the other."
MIXED = (
    "Nine jobs of ten sleep 1 ms, the others 2 s, in one queue with four processes. They arrive at "
    "random moments, the same for each system, at 60 % of what the processes could do. A wait is "
    "that of a job of 1 ms, from the moment at which it is due to be posted until it starts. At "
    "times all processes have jobs of 2 s: some waits are as long in any system."
)
STREAMS = (
    "Streams of so many browsers stay open, beside one whose events are awaited. Seen: from a POST "
    "to the event of its end."
)
LEDGER = (
    "Costs by the number of jobs; [a million](ledger.md), and [what a log line costs](logs.md)."
)
DEPTH = (
    "Raw messages in a queue with our queues' arguments: the average of 1,000 each. `--deep` goes "
    "on to a million."
)
MEMORY = (
    "Proportional set size of an idle system that has done something: web 2 processes, two workers "
    "of 2 processes, the scheduler. RabbitMQ, Redis and Flower are apart."
)
PROFILE = "py-spy's samples, by the part of the code that was running, and by the function on top."
