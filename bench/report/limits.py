"""Compares our figures with the limits of the servers and libraries below."""

from bench.report.figures import Figures
from bench.report.wording import show, table

LIMITS = (
    (
        "submit one by one / py-amqp, a confirm each",
        ("submit", "jobs", "one", "jobs_a_second"),
        ("submit", "raw-channel", "one", "jobs_a_second"),
    ),
    (
        "submit in bulk / py-amqp, a confirm per 100",
        ("submit", "jobs", "bulk", "jobs_a_second"),
        ("submit", "raw-channel", "bulk", "jobs_a_second"),
    ),
    (
        "POST /api/v1/jobs/bulk / py-amqp, a confirm per 100",
        ("bulk", "jobs", "jobs_a_second"),
        ("submit", "raw-channel", "bulk", "jobs_a_second"),
    ),
    (
        "drain / a SET and a PUBLISH, one by one",
        ("drain", "jobs", "jobs_a_second"),
        ("submit", "raw-redis", "one", "jobs_a_second"),
    ),
    (
        "POST / hello JSON on our server",
        ("http", "jobs", "post", "a_second"),
        ("http", "hello", "post", "a_second"),
    ),
    (
        "GET / hello JSON on our server",
        ("http", "jobs", "get", "a_second"),
        ("http", "hello", "get", "a_second"),
    ),
)


def limits_table(figures: Figures) -> list[str]:
    """Return our figure, the limit, and the share of it that we reach."""
    rows = []
    for what, ours, limit in LIMITS:
        cells = [show(figures.value(*path), ",.0f") for path in (ours, limit)]
        rows.append([what, *cells, show(figures.ratio(ours, limit), ".0%")])
    return table(["", "ours, /s", "limit, /s", "reached"], rows)
