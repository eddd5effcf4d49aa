"""What each system guarantees as it is measured here, and what not: the table of the report.

From the systems' own code and documentation; the peers' modules say the same at greater length.
RabbitMQ and Redis keep on disk what they have, as for us: a process of theirs that is killed and
comes back has it all. Redis's machine may lose its last second.
"""

from dataclasses import astuple, dataclass, fields, replace

from bench.report.figures import Figures
from bench.report.wording import table
from bench.systems.catalog import SYSTEMS


@dataclass(frozen=True, slots=True)
class Guarantees:
    """Of one system; each is a few words, and the field's name without `_` is the column's head."""

    submitted: str
    worker_killed: str
    RabbitMQ_killed: str
    Redis_killed: str
    recorded: str
    live: str
    log_lines: str


_ON_DISK = "on disk: RabbitMQ has confirmed it"
_UNCONFIRMED = "sent: nobody has confirmed it"
_IN_REDIS = "in Redis"
_KEPT = "kept"
_LOST_IF_UNWRITTEN = "lost, if it was not written yet"
_KEPT_QUEUED = "those that wait are kept"
_NOT_NEEDED = "not used"
_AGAIN = "runs again, without limit; two copies may run at a time"
_CELERY_RESULT = "its result is tried again for seconds, then lost"
_RESULT_LOST = "its result is lost, the job is not run again"
_NOTHING = "no"
_RESULT_ONLY = "its result"

_DURABLE_CELERY = (_ON_DISK, _AGAIN, _KEPT, _CELERY_RESULT)
_OWN_LINES = "warnings and errors, as text"

GUARANTEES: dict[str, Guarantees] = {
    "jobs": Guarantees(
        "on disk: RabbitMQ has confirmed it, and the ledger has a record",
        "runs again, never beside its first copy; after five attempts dead, with the reason",
        _KEPT,
        "kept: none begins until Redis is back, those that run stop in time; a submit is refused",
        "each change, from submit to end, each attempt; lists, search, dead letters",
        "events of each change, to anybody who listens",
        "start and end, with trace",
    ),
    "tutorial": Guarantees(
        _IN_REDIS,
        "lost, if it had begun; it was acknowledged then",
        _NOT_NEEDED,
        f"{_KEPT_QUEUED}; {_CELERY_RESULT}",
        _RESULT_ONLY,
        _NOTHING,
        "received and end, as text",
    ),
    "celery": Guarantees(
        _UNCONFIRMED,
        "lost, if it had begun; it was acknowledged then",
        _LOST_IF_UNWRITTEN,
        _CELERY_RESULT,
        _RESULT_ONLY,
        _NOTHING,
        _OWN_LINES,
    ),
    "celery-durable": Guarantees(*_DURABLE_CELERY, _RESULT_ONLY, _NOTHING, _OWN_LINES),
    "celery-observable": Guarantees(
        *_DURABLE_CELERY,
        "started, by whom, result; not that it waits",
        "events from a worker on, unconfirmed",
        "start and end",
    ),
    "rq": Guarantees(
        _IN_REDIS,
        "failed, as soon as somebody looks after its time; not run again",
        _NOT_NEEDED,
        f"{_KEPT_QUEUED}; one that ends meanwhile may be called failed",
        "each state, result",
        _NOTHING,
        _NOTHING,
    ),
    "dramatiq": Guarantees(
        _UNCONFIRMED, _AGAIN, _LOST_IF_UNWRITTEN, _RESULT_LOST, _RESULT_ONLY, _NOTHING, _NOTHING
    ),
    "dramatiq-confirms": Guarantees(
        _ON_DISK, _AGAIN, _KEPT, _RESULT_LOST, _RESULT_ONLY, _NOTHING, _NOTHING
    ),
    "dramatiq-observable": Guarantees(
        _ON_DISK, _AGAIN, _KEPT, _RESULT_LOST, _RESULT_ONLY, _NOTHING, "start and end"
    ),
    "huey": Guarantees(
        _IN_REDIS,
        "lost, if it was taken",
        _NOT_NEEDED,
        f"{_KEPT_QUEUED}; {_RESULT_LOST}",
        _RESULT_ONLY,
        _NOTHING,
        _NOTHING,
    ),
    "taskiq": Guarantees(_ON_DISK, _AGAIN, _KEPT, _RESULT_LOST, _RESULT_ONLY, _NOTHING, _NOTHING),
}
GUARANTEES["jobs-repeatable"] = replace(
    GUARANTEES["jobs"],
    worker_killed=f"{GUARANTEES['jobs'].worker_killed}; its last ones may, too",
    log_lines="one for both, with trace",
)
_SAME = {
    "jobs-before": "jobs",
    "jobs-tasks": "jobs",
    "jobs-flower": "jobs",
    "celery-threads": "celery-durable",
    "huey-notify": "huey",
}
"""Those that guarantee what another one does."""


def find_guarantees(system: str) -> Guarantees | None:
    """Of a system; None of what is a limit and no system."""
    return GUARANTEES.get(_SAME.get(system, system))


def guarantees_table(figures: Figures) -> list[str]:
    """A row for each system that was measured, once for those that guarantee the same."""
    measured = {entry["system"] for entry in figures.raw["figures"]}
    shown = {_SAME.get(name, name) for name in measured}
    heads = ["", *(field.name.replace("_", " ") for field in fields(Guarantees))]
    rows = [
        [SYSTEMS[name].title, *astuple(GUARANTEES[name])] for name in GUARANTEES if name in shown
    ]
    return table(heads, rows) if rows else []
