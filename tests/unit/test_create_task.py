"""`create_task`, called as a plain function: it sleeps, but not in a test."""

from typing import Any

import pytest

from project.errors import InvalidInputError
from project.jobs import get_kind
from project.kinds.definition import Context

KIND = get_kind("create_task")


class Bed:
    """Counts the seconds that were slept, and the progress reports."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.reports: list[tuple[float, float, str]] = []

    def context(self) -> Context:
        return Context(sleep=self._sleep, report_progress=self._report)

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def _report(self, done: float, total: float, step: str = "") -> None:
        self.reports.append((done, total, step))


@pytest.mark.parametrize(("number", "seconds"), [(0, 0), (1, 10), (2, 20), (3, 30)])
def test_it_sleeps_ten_seconds_for_each_type_and_returns_true(number: int, seconds: int) -> None:
    bed = Bed()

    assert KIND.run(KIND.parse({"type": number}), bed.context()) is True
    assert bed.seconds == seconds


def test_progress_is_reported_every_second() -> None:
    bed = Bed()

    KIND.run(KIND.parse({"type": 1}), bed.context())

    assert bed.reports == [(second, 10, "Sleeping") for second in range(10)]


@pytest.mark.parametrize(
    ("number", "queue"),
    [
        (0, "short"),
        (1, "short"),
        (2, "long"),
        (3, "long"),
        (360, "long"),
    ],
)
def test_short_goes_to_the_short_queue_and_longer_ones_to_the_long_queue(
    number: int, queue: str
) -> None:
    assert KIND.queue_for(KIND.parse({"type": number})) is queue


@pytest.mark.parametrize("number", ["1", 1])
def test_digits_as_text_are_taken(number: Any) -> None:
    """The tutorial's page sends its buttons' data attributes."""
    assert KIND.parse({"type": number}) == KIND.parse({"type": 1})


@pytest.mark.parametrize(
    "value",
    [-1, 361, 99999, 1e99, 0.5, "", "x", "1.5", None, True, False, [], {}, float("nan"), "٣e"],
)
def test_type_that_is_no_small_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        KIND.parse({"type": value})

    assert caught.value.field == "type"


def test_missing_type_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        KIND.parse({})


def test_time_limit_is_above_the_longest_sleep() -> None:
    assert KIND.time_limit_seconds > 3600
