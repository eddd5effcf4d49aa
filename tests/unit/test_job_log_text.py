"""A job's log as text: one line each, and nothing in it passes for another line."""

from typing import Any

import pytest

from project.api.job_log import write_line, write_lines
from project.ledger.job import JobError
from tests.unit.test_log_line import a_line

TIME = "2026-05-04T12:00:00.123456Z"


def text_of(**changes: Any) -> str:
    return write_line(a_line(**changes))


def test_line_tells_time_level_message_and_fields() -> None:
    text = text_of(
        level="warning",
        fields={"pages": 3, "name": "a/b.webp", "title": "Two words", "sizes": [1, 2], "no": None},
    )

    assert text == (
        f'{TIME} warning page_read pages=3 name=a/b.webp title="Two words" sizes=[1,2] no=null\n'
    )


def test_further_lines_of_a_message_and_a_traceback_are_indented() -> None:
    error = JobError("KeyError", "'x'", "Traceback:\n  File …\nKeyError: 'x'\n")

    text = text_of(message="one\ntwo", error=error)

    assert text.splitlines() == [
        f"{TIME} info    one error=KeyError",
        "    two",
        "    Traceback:",
        "      File …",
        "    KeyError: 'x'",
    ]


def test_error_without_a_traceback_tells_its_message() -> None:
    assert text_of(error=JobError("KeyError", "'x'")).splitlines()[1] == "    'x'"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("back\rto the start", "back\\rto the start"),
        ("\x9b31m", "\\x9b31m"),
        ("another\u2028line", "another\\u2028line"),
        ("tab\tü🙈", "tab\tü🙈"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(text: str, shown: str) -> None:
    assert text_of(message=text) == f"{TIME} info    {shown}\n"


def test_missing_lines_are_told_where_they_are_missing() -> None:
    assert text_of(missing=12).startswith("… 12 lines are missing here\n2026")
    assert text_of(missing=1).startswith("… 1 line is missing here\n")


def test_later_attempts_have_a_heading() -> None:
    lines = [a_line(attempt=attempt) for attempt in (1, 1, 2, 2)]

    text = write_lines(lines)

    assert text.count("--- attempt") == 1
    assert text.splitlines()[2] == "--- attempt 2 ---"
    assert "---" not in write_lines(lines[2:], previous_attempt=2)
