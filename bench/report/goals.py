"""The ratios that are wanted, and whether they are met."""

from dataclasses import dataclass

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

    def measure(self, figures: Figures) -> Value | None:
        """The ratio, or the figure itself."""
        if self.other is None:
            return figures.value(*self.ours)
        return figures.ratio(self.ours, self.other)

    def is_met_by(self, value: Value) -> bool:
        """As the median has it."""
        return value.median <= self.bound if self.is_upper else value.median >= self.bound

    @property
    def unit(self) -> str:
        """Of a ratio, or of milliseconds."""
        return " ×" if self.other else " ms"


def _other(path: Path, system: str) -> Path:
    return (path[0], system, *path[2:])


BULK: Path = ("submit", "jobs", "bulk", "jobs_a_second")
TRIP: Path = ("trips", "jobs", "p50_ms")
MEMORY: Path = ("memory", "jobs", "mib", "all")

GOALS = (
    Goal("Drain, of Celery's (durable, prefork)", DRAIN, _other(DRAIN, "celery-durable"), 3),
    Goal("Drain, of Dramatiq's (confirms)", DRAIN, _other(DRAIN, "dramatiq-confirms"), 1.2),
    Goal("POST, of the plain durable Celery app's", POST, _other(POST, "celery-durable"), 3),
    Goal("POST, of the tutorial's app's", POST, _other(POST, "tutorial"), 1.5),
    Goal("POST, of hello JSON's on our server", POST, _other(POST, "hello"), 0.5),
    Goal(
        "Bulk submit, of py-amqp's with a confirm per 100", BULK, _other(BULK, "raw-channel"), 0.7
    ),
    Goal(
        "Round trip p50, of Dramatiq's (confirms)", TRIP, _other(TRIP, "dramatiq-confirms"), 1, True
    ),
    Goal("POST to event, p99, idle", ("live", "jobs", "stream", "p99_ms"), None, 10, True),
    Goal(
        "Short job's p99 beside 10,000 long ones, of idle",
        ("lanes", "jobs", "busy", "p99_ms"),
        ("lanes", "jobs", "idle", "p99_ms"),
        1.2,
        True,
    ),
    Goal("Memory, of plain Celery's", MEMORY, _other(MEMORY, "celery-durable"), 1, True),
)


def goals_table(figures: Figures) -> list[str]:
    """Measured, wanted, met or not."""
    rows = []
    for goal in GOALS:
        value = goal.measure(figures)
        sign = "≤" if goal.is_upper else "≥"
        wanted = f"{sign} {goal.bound:g}{goal.unit}"
        if value is None:
            rows.append([goal.what, "not measured", wanted, NONE])
            continue
        measured = f"{value.median:.2f}{goal.unit}{show_spread(value)}"
        rows.append(
            [goal.what, measured, wanted, "met" if goal.is_met_by(value) else "**not met**"]
        )
    return table(["", "measured", "wanted", ""], rows)
