"""The ratios that are wanted, and whether they are met."""

from dataclasses import dataclass
from typing import Any

from bench.report.figures import Figures, Value
from bench.report.wording import NONE, show_spread, table

Path = tuple[str, ...]

DRAIN: Path = ("drain", "jobs", "jobs_a_second")
POST: Path = ("http", "jobs", "post", "a_second")


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure of ours, beside another one or by itself."""

    what: str
    ours: Path
    other: Path | None
    bound: float
    is_upper: bool = False
    """Whether `bound` is the most that is wanted, and not the least."""
    cost: tuple[str, ...] = ()
    """Where the same entries have the CPU time of one of it."""

    def measure(self, figures: Figures) -> Value | None:
        """The ratio, or the figure itself."""
        if self.other is None:
            return figures.value(*self.ours)
        return figures.ratio(self.ours, self.other)

    def measure_cost(self, figures: Figures) -> Value | None:
        """The same ratio, if CPU time were all that counts: what a busy machine cannot change."""
        if self.other is None or not self.cost:
            return None
        return figures.ratio((*self.other[:2], *self.cost), (*self.ours[:2], *self.cost))

    def is_met_by(self, value: Value) -> bool:
        """As the median has it."""
        return value.median <= self.bound if self.is_upper else value.median >= self.bound

    @property
    def unit(self) -> str:
        """Of a ratio, or of milliseconds."""
        return " ×" if self.other else " ms"


BULK: Path = ("submit", "jobs", "bulk", "jobs_a_second")
TRIP: Path = ("trips", "jobs", "p50_ms")
MEMORY: Path = ("memory", "jobs", "mib", "all")


JOB_COST = ("cpu_ms_a_job", "+")
POST_COST = ("post", "cpu_ms_a_request", "+")
BULK_COST = ("bulk", "cpu_ms_a_job", "+")


def _compare(what: str, ours: Path, system: str, bound: float, **more: Any) -> Goal:
    """The same figure of ours and of another system."""
    return Goal(what, ours, (ours[0], system, *ours[2:]), bound, **more)


GOALS = (
    _compare("Drain, of Celery's (durable, prefork)", DRAIN, "celery-durable", 3, cost=JOB_COST),
    _compare("Drain, of Dramatiq's (confirms)", DRAIN, "dramatiq-confirms", 1.2, cost=JOB_COST),
    _compare("POST, of the durable Celery app's", POST, "celery-durable", 3, cost=POST_COST),
    _compare("POST, of the tutorial's app's", POST, "tutorial", 1.5, cost=POST_COST),
    _compare("POST, of hello JSON's on our server", POST, "hello", 0.5, cost=POST_COST),
    _compare("Bulk, of py-amqp's, a confirm per 100", BULK, "raw-channel", 0.7, cost=BULK_COST),
    _compare("Round trip p50, of Dramatiq's", TRIP, "dramatiq-confirms", 1, is_upper=True),
    Goal("POST to event, p99, idle", ("live", "jobs", "stream", "p99_ms"), None, 10, is_upper=True),
    Goal(
        "Short job's p99 beside 10,000 long ones, of idle",
        ("lanes", "jobs", "busy", "p99_ms"),
        ("lanes", "jobs", "idle", "p99_ms"),
        1.2,
        is_upper=True,
    ),
    _compare("Memory, of plain Celery's", MEMORY, "celery-durable", 1, is_upper=True),
)


def goals_table(figures: Figures) -> list[str]:
    """Measured, by CPU time, wanted, met or not."""
    rows = [_row(goal, figures) for goal in GOALS]
    return table(["", "measured", "by CPU time", "wanted", ""], rows)


def _row(goal: Goal, figures: Figures) -> list[str]:
    value, cost = goal.measure(figures), goal.measure_cost(figures)
    sign = "≤" if goal.is_upper else "≥"
    wanted = f"{sign} {goal.bound:g}{goal.unit}"
    if value is None:
        return [goal.what, "not measured", NONE, wanted, NONE]
    measured = f"{value.median:.2f}{goal.unit}{show_spread(value)}"
    by_cost = f"{cost.median:.2f}{goal.unit}" if cost else NONE
    verdict = "met" if goal.is_met_by(value) else "**not met**"
    return [goal.what, measured, by_cost, wanted, verdict]
