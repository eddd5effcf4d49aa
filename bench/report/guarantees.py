"""What each system guarantees as it is measured here: a table of the report.

From the systems' own code and documentation; the peers' modules say the same at greater length.
RabbitMQ and Redis are set up as for us: a process that is killed and comes back has all of its
data. If Redis's machine fails, the last second may be lost.
"""

from dataclasses import astuple, dataclass, fields, replace

from bench.report.figures import Figures
from bench.report.wording import table
from bench.systems.catalog import SYSTEMS


@dataclass(frozen=True, slots=True)
class Guarantees:
    """A system's guarantees in a few words; the field names without `_` are the column heads."""

    submitted: str
    worker_killed: str
    RabbitMQ_killed: str
    Redis_killed: str
    recorded: str
    live: str
    log_lines: str


_ON_DISK = "on disk: RabbitMQ has confirmed it"
_UNCONFIRMED = "sent, but not confirmed"
_IN_REDIS = "in Redis"
_KEPT = "kept"
_LOST_IF_UNWRITTEN = "lost, if it was not written yet"
_KEPT_QUEUED = "waiting jobs are kept"
_NOT_NEEDED = "not used"
_AGAIN = "runs again, without limit; two copies may run at once"
_CELERY_RESULT = "the worker retries to store the result for seconds, then it is lost"
_RESULT_LOST = "its result is lost, and the job does not run again"
_NOTHING = "no"
_RESULT_ONLY = "its result"

_DURABLE_CELERY = (_ON_DISK, _AGAIN, _KEPT, _CELERY_RESULT)
_OWN_LINES = "warnings and errors, as text"

GUARANTEES: dict[str, Guarantees] = {
    "jobs": Guarantees(
        "on disk: RabbitMQ has confirmed it, and the ledger has a record",
        "runs again, never beside its first copy; dead after five attempts, with the reason",
        _KEPT,
        "kept: no job starts until Redis is back, running jobs stop in time; submits are refused",
        "each change, from submit to end, each attempt; lists, search, dead letters",
        "events of each change, for any listener",
        "start and end, with trace",
    ),
    "tutorial": Guarantees(
        _IN_REDIS,
        "lost if it had started, because it was acknowledged then",
        _NOT_NEEDED,
        f"{_KEPT_QUEUED}; {_CELERY_RESULT}",
        _RESULT_ONLY,
        _NOTHING,
        "received and end, as text",
    ),
    "celery": Guarantees(
        _UNCONFIRMED,
        "lost if it had started, because it was acknowledged then",
        _LOST_IF_UNWRITTEN,
        _CELERY_RESULT,
        _RESULT_ONLY,
        _NOTHING,
        _OWN_LINES,
    ),
    "celery-durable": Guarantees(*_DURABLE_CELERY, _RESULT_ONLY, _NOTHING, _OWN_LINES),
    "celery-observable": Guarantees(
        *_DURABLE_CELERY,
        "started, on which worker, result; not that it waits",
        "events from a worker on, unconfirmed",
        "start and end",
    ),
    "rq": Guarantees(
        _IN_REDIS,
        "failed, once some worker cleans up after its time limit; does not run again",
        _NOT_NEEDED,
        f"{_KEPT_QUEUED}; a job that ends meanwhile may count as failed",
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
        "lost, if a worker had taken it",
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
    worker_killed=f"{GUARANTEES['jobs'].worker_killed}; a process's last jobs may run twice",
    log_lines="one for start and end, with trace",
)
_SAME = {
    "jobs-before": "jobs",
    "jobs-tasks": "jobs",
    "jobs-flower": "jobs",
    "celery-threads": "celery-durable",
    "huey-notify": "huey",
}
"""Systems with the same guarantees as another one."""


def find_guarantees(system: str) -> Guarantees | None:
    """Return a system's guarantees; None for a limit, which is not a system."""
    return GUARANTEES.get(_SAME.get(system, system))


def guarantees_table(figures: Figures) -> list[str]:
    """Return a row for each measured system, and one row for systems with the same guarantees."""
    measured = {entry["system"] for entry in figures.raw["figures"]}
    shown = {_SAME.get(name, name) for name in measured}
    heads = ["", *(field.name.replace("_", " ") for field in fields(Guarantees))]
    rows = [
        [SYSTEMS[name].title, *astuple(GUARANTEES[name])] for name in GUARANTEES if name in shown
    ]
    return table(heads, rows) if rows else []
