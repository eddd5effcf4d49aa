"""The goals: ratios that must be reached, ratios that we aim at, and whether they are reached."""

from dataclasses import dataclass
from typing import Any

from bench.report.figures import Figures, Value
from bench.report.wording import NONE, show_spread, table

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal for one of our figures, by itself or compared with another system's."""

    what: str
    ours: Path
    other: Path | None
    must: float | None
    aim: float | None = None
    """A stricter bound than `must`, which we would like to reach."""
    is_upper: bool = False
    """Whether the bounds are upper bounds; otherwise lower ones."""
    cost: tuple[str, ...] = ()
    """The path of the CPU time of one job or request in the same entries."""

    def measure(self, figures: Figures) -> Value | None:
        """Return the ratio, or the figure itself."""
        if self.other is None:
            return figures.value(*self.ours)
        return figures.ratio(self.ours, self.other)

    def measure_cost(self, figures: Figures) -> Value | None:
        """Return the same ratio by CPU time alone, which a busy machine does not change."""
        if self.other is None or not self.cost:
            return None
        return figures.ratio((*self.other[:2], *self.cost), (*self.ours[:2], *self.cost))

    def judge(self, value: Value) -> str:
        """Judge the median."""
        if self.must is not None and not self._reaches(value, self.must):
            return "**not met**"
        if self.aim is None:
            return "met"
        if self._reaches(value, self.aim):
            return "aim met"
        return "aim not met" if self.must is None else "met, aim not met"

    def _reaches(self, value: Value, bound: float) -> bool:
        return value.median <= bound if self.is_upper else value.median >= bound

    def show(self, bound: float | None) -> str:
        """Return a bound as the table shows it."""
        sign = "≤" if self.is_upper else "≥"
        return NONE if bound is None else f"{sign} {bound:g}{self.unit}"

    @property
    def unit(self) -> str:
        """The unit: a ratio's, or milliseconds."""
        return " ×" if self.other else " ms"


BEFORE = "jobs-before"
DRAIN: Path = ("drain", "jobs", "jobs_a_second")
REPEATABLE: Path = ("drain", "jobs-repeatable", "jobs_a_second")
POST: Path = ("http", "jobs", "post", "a_second")
MANY_POSTS: Path = ("http", "jobs", "post_64", "a_second")
BULK: Path = ("submit", "jobs", "bulk", "jobs_a_second")
TRIP: Path = ("trips", "jobs", "p50_ms")
SEEN: Path = ("live", "jobs", "stream", "p50_ms")
MEMORY: Path = ("memory", "jobs", "mib", "all")

JOB_COST = ("cpu_ms_a_job", "+")
POST_COST = ("post", "cpu_ms_a_request", "+")
MANY_POSTS_COST = ("post_64", "cpu_ms_a_request", "+")
BULK_COST = ("bulk", "cpu_ms_a_job", "+")


def _compare(
    what: str, ours: Path, system: str, must: float | None, aim: float | None = None, **more: Any
) -> Goal:
    """Return a goal that compares our figure with the same one of another system."""
    return Goal(what, ours, (ours[0], system, *ours[2:]), must, aim, **more)


def _drains(what: str, ours: Path, by_system: dict[str, tuple[float | None, float]]) -> list[Goal]:
    """Return goals for a drain: what it must reach and aims at, by the other system."""
    return [
        _compare(f"{what}, of {_DRAINED[system]}", ours, system, must, aim, cost=JOB_COST)
        for system, (must, aim) in by_system.items()
    ]


def _no_worse(what: str, *figures: Path) -> list[Goal]:
    """Return goals for figures where less is better: no more than before."""
    return [
        _compare(f"{what}{_named(path)}, of before's", path, BEFORE, 1, is_upper=True)
        for path in figures
    ]


def _named(path: Path) -> str:
    """Return ` p99` for a path to `p99_ms`."""
    return f" {path[-1].removesuffix('_ms')}" if path[-1].endswith("_ms") else ""


_DRAINED = {
    "dramatiq-confirms": "Dramatiq's (confirms)",
    "dramatiq-observable": "Dramatiq's (confirms, observable)",
    "celery-durable": "Celery's (durable, prefork)",
    "celery-observable": "Celery's (durable, observable)",
    "huey": "Huey's",
    BEFORE: "before's",
}

GOALS = (
    *_drains(
        "Drain",
        DRAIN,
        {
            "dramatiq-confirms": (1, 1.15),
            "dramatiq-observable": (1, 1.15),
            "celery-durable": (2.6, 3),
            "celery-observable": (2.6, 3),
            BEFORE: (1.6, 1.8),
        },
    ),
    _compare("CPU a job, of before's", ("drain", "jobs", *JOB_COST), BEFORE, 0.65, is_upper=True),
    *_drains(
        "Drain, repeatable",
        REPEATABLE,
        {
            "dramatiq-confirms": (1.6, 2),
            "dramatiq-observable": (1.6, 2),
            "celery-durable": (4, 5),
            "celery-observable": (4, 5),
            "huey": (None, 1),
        },
    ),
    _compare(
        "CPU a job, repeatable, of before's",
        ("drain", "jobs-repeatable", *JOB_COST),
        BEFORE,
        0.4,
        is_upper=True,
    ),
    _compare("POST, of before's", POST, BEFORE, 1.3, 1.5, cost=POST_COST),
    _compare(
        "POST, 64 connections, of before's", MANY_POSTS, BEFORE, 1.8, 2.2, cost=MANY_POSTS_COST
    ),
    *_no_worse("POST", (*POST[:3], "p99_ms")),
    *_no_worse("POST, 64 connections,", (*MANY_POSTS[:3], "p99_ms")),
    _compare("POST, of the durable Celery app's", POST, "celery-durable", 2.2, cost=POST_COST),
    _compare("POST, of the tutorial's app's", POST, "tutorial", 1.5, cost=POST_COST),
    _compare("POST, of hello JSON's on our server", POST, "hello", 0.5, cost=POST_COST),
    _compare(
        "POST of a thousand jobs, of before's",
        ("bulk", "jobs", "jobs_a_second"),
        BEFORE,
        1.6,
        2,
        cost=JOB_COST,
    ),
    _compare("Bulk, of py-amqp's, a confirm per 100", BULK, "raw-channel", 0.7, cost=BULK_COST),
    _compare(
        "Submit from one thread, of before's",
        ("submit", "jobs", "one", "jobs_a_second"),
        BEFORE,
        1,
        cost=("one", "cpu_ms_a_job", "+"),
    ),
    *_no_worse("Round trip", TRIP, ("trips", "jobs", "p99_ms")),
    _compare("Round trip p50, of Dramatiq's", TRIP, "dramatiq-confirms", 1, is_upper=True),
    *_no_worse("POST to event", SEEN, (*SEEN[:3], "p99_ms")),
    Goal("POST to event, p99, idle", (*SEEN[:3], "p99_ms"), None, 10, is_upper=True),
    Goal(
        "Short job's p99 beside 10,000 long ones, of idle",
        ("queues", "jobs", "busy", "p99_ms"),
        ("queues", "jobs", "idle", "p99_ms"),
        1.2,
        is_upper=True,
    ),
    *_no_worse(
        "Quick job's wait beside slow ones",
        ("mixed", "jobs", "p50_ms"),
        ("mixed", "jobs", "p99_ms"),
    ),
    *_no_worse("Memory", MEMORY),
    _compare("Memory, of plain Celery's", MEMORY, "celery-durable", 1, is_upper=True),
)


def goals_table(figures: Figures) -> list[str]:
    """Return the goals: measured, by CPU time, must, aim, and the judgement."""
    rows = [_row(goal, figures) for goal in GOALS]
    return table(["", "measured", "by CPU time", "must", "aim", ""], rows)


def _row(goal: Goal, figures: Figures) -> list[str]:
    value, cost = goal.measure(figures), goal.measure_cost(figures)
    wanted = [goal.show(goal.must), goal.show(goal.aim)]
    if value is None:
        return [goal.what, "not measured", NONE, *wanted, NONE]
    measured = f"{value.median:.2f}{goal.unit}{show_spread(value)}"
    by_cost = f"{cost.median:.2f}{goal.unit}" if cost else NONE
    return [goal.what, measured, by_cost, *wanted, goal.judge(value)]
