"""Lines of a job's own log: they come back as they were, within limits, whatever was logged."""

from typing import Any

import orjson
import pytest

from project.errors import InvalidInputError
from project.ledger.job import JobError
from project.ledger.log_line import (
    FIELDS_LIMIT,
    MESSAGE_LIMIT,
    TRACEBACK_LIMIT,
    LogLine,
    check_place,
    count_missing,
    decode_line,
    encode_line,
)


def a_line(**changes: Any) -> LogLine:
    values: dict[str, Any] = {
        "attempt": 1,
        "number": 1,
        "time": "2026-05-04T12:00:00.123456Z",
        "level": "info",
        "message": "page_read",
    }
    return LogLine(**values | changes)


def kept(line: LogLine) -> LogLine:
    """The line as it comes back."""
    return decode_line(line.place, encode_line(line))


def test_line_comes_back_as_it_was() -> None:
    line = a_line(
        attempt=2,
        number=17,
        logger="shop.orders",
        fields={"pages": 3, "names": ["a", "b"], "none": None, "nested": {"a": 1.5}},
        error=JobError("KeyError", "'lost'", "Traceback …"),
    )

    assert kept(line) == line
    assert line.place == "2-17"


def test_long_texts_are_cut_and_of_a_traceback_the_end_is_kept() -> None:
    error = JobError("E", "m" * 9999, "begin" + "t" * TRACEBACK_LIMIT + "end")

    line = kept(a_line(message="x" * 9999, error=error))

    assert line.error
    assert len(line.message) == len(line.error.message) == MESSAGE_LIMIT + 1
    assert line.message.endswith("x…")
    assert len(line.error.traceback) == TRACEBACK_LIMIT
    assert line.error.traceback.endswith("end")


@pytest.mark.parametrize(
    "fields",
    [
        {"small": 1, "large": "x" * 10_000, "later": 2},
        {"large": list(range(10_000))},
        {f"field_{number:>03}": "x" * 500 for number in range(1000)},
        {"x" * 10_000: "y" * 10_000},
        {"umlauts": "ü" * 10_000},
        {"odd": "\ud800" * 10_000},
    ],
)
def test_fields_take_no_more_than_their_limit(fields: dict[str, Any]) -> None:
    line = kept(a_line(fields=fields))

    assert line.fields
    assert len(orjson.dumps(line.fields)) <= FIELDS_LIMIT + 200  # and the quotes and commas


def test_of_too_many_fields_the_first_ones_are_whole() -> None:
    line = kept(a_line(fields={"small": 1, "large": "x" * 10_000, "later": 2}))

    assert line.fields["small"] == 1
    assert line.fields["large"].endswith("x…")
    assert "later" not in line.fields


class Broken:
    """A job's class whose mistake is in its text."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"\xff", repr(b"\xff")),
        ({1}, "{1}"),
        (2**70, str(2**70)),
        (float("nan"), None),
        ("half a \ud800 pair", "'half a \\ud800 pair'"),
        ({1: "a"}, {"1": "a"}),
        (Broken(), "<Broken>"),
    ],
)
def test_value_that_json_does_not_know_is_told_as_text(value: Any, shown: Any) -> None:
    assert kept(a_line(fields={"odd": value, "other": 1})).fields == {"odd": shown, "other": 1}


def test_value_within_itself_loses_no_line() -> None:
    endless: list[Any] = []
    endless.append(endless)

    assert kept(a_line(fields={"odd": endless})).fields == {"odd": "[[...]]"}


@pytest.mark.parametrize("text", ["half a \ud800 pair", "nul \x00", "🙈" * 9999, ""])
def test_odd_message_loses_no_line(text: str) -> None:
    error = JobError(text, text, text)

    assert kept(a_line(message=text, logger=text, error=error)).level == "info"


@pytest.mark.parametrize("place", ["", "1", "1-", "-1", "1-1-1", "a-1", "1-²", "9" * 20 + "-1"])
def test_text_that_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(InvalidInputError):
        check_place(place)


@pytest.mark.parametrize(
    ("places", "after", "trimmed", "missing"),
    [
        (["1-1", "1-2"], "", 0, [0, 0]),
        (["1-1", "1-5", "1-6"], "", 0, [0, 3, 0]),
        (["1-3"], "", 0, [2]),
        (["1-3"], "1-2", 0, [0]),
        (["1-9"], "1-2", 0, [6]),
        (["2-1"], "1-7", 0, [0]),
        (["2-3"], "1-7", 0, [2]),
        (["1-101", "2-1"], "", 100, [100, 0]),
        (["2-51"], "", 350, [350]),
        ([], "", 0, []),
    ],
)
def test_gap_in_the_numbers_is_what_is_missing(
    places: list[str], after: str, trimmed: int, missing: list[int]
) -> None:
    lines = [
        a_line(attempt=int(attempt), number=int(number))
        for attempt, number in (place.split("-") for place in places)
    ]

    counted = count_missing(lines, after, trimmed)

    assert [line.missing for line in counted] == missing
