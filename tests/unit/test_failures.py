"""How a line tells of an error without quoting what somebody sent."""

import pytest
from billiard.exceptions import WorkerLostError
from kombu.exceptions import OperationalError
from redis import ConnectionError as RedisConnectionError

from project import errors
from project.observability.failures import describe_error, frames_of, message_of

SECRET = "s3cr3t-value"


def fail_with(error: BaseException) -> BaseException:
    """The error, raised and caught, so that it has a traceback."""
    try:
        raise error
    except type(error) as caught:
        return caught


def test_error_is_told_by_its_type_and_where_it_was_raised() -> None:
    fields = describe_error(fail_with(ValueError(SECRET)))

    assert fields["error_type"] == "ValueError"
    assert "in fail_with" in fields["error_stack_trace"]
    assert fields["error_stack_trace"].endswith("\nValueError")
    assert "error_message" not in fields
    assert SECRET not in str(fields)


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidInputError(SECRET),
        errors.InvalidPictureError(SECRET),
        errors.TemporaryError(SECRET),
        errors.PermanentError(SECRET),
        errors.NotFoundError(SECRET),
        KeyError(SECRET),
        FileNotFoundError(2, "No such file", SECRET),
        OSError(SECRET),
    ],
)
def test_message_that_may_quote_what_somebody_sent_is_left_out(error: Exception) -> None:
    assert SECRET not in message_of(error)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.UnavailableError("Redis"), "Redis does not answer, so nothing was accepted"),
        (errors.QueueFullError("short", 7), "The queue short is full: 7 jobs are waiting"),
        (RedisConnectionError("Error 111 connecting"), "Error 111 connecting"),
        (OperationalError("broker is away"), "broker is away"),
        (WorkerLostError("signal 9 (SIGKILL)"), "signal 9 (SIGKILL)"),
        (ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
    ],
)
def test_message_about_a_server_or_a_job_is_kept(error: Exception, message: str) -> None:
    assert message_of(error).startswith(message)


def test_causes_are_told_and_their_messages_are_not() -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise errors.PermanentError(f"about {SECRET}") from cause
    except errors.PermanentError as caught:
        trace = describe_error(caught)["error_stack_trace"]

    assert SECRET not in trace
    assert trace.count("Traceback (most recent call last):") == 2
    assert "direct cause" in trace
    assert "\nKeyError\n" in trace
    assert trace.endswith("\nproject.errors.PermanentError")


@pytest.mark.parametrize(
    "message",
    [
        f"one\n{SECRET}",
        f"one\n    {SECRET}",
        f'one\n  File "{SECRET}", line 1, in {SECRET}\n    {SECRET}',
        f"one\n\n{SECRET}: and more",
        f"one\nTraceback (most recent call last):\n    {SECRET}",
    ],
)
def test_message_of_several_lines_leaves_nothing_behind(message: str) -> None:
    fields = describe_error(fail_with(ValueError(message)))

    assert SECRET not in str(fields)


def test_note_on_an_error_is_left_out() -> None:
    error = ValueError("x")
    error.add_note(SECRET)

    assert SECRET not in str(describe_error(fail_with(error)))


def test_text_that_is_no_traceback_has_no_frames() -> None:
    assert frames_of(SECRET) == ""


def test_error_that_was_never_raised_is_told_too() -> None:
    assert describe_error(ValueError(SECRET)) == {
        "error_type": "ValueError",
        "error_stack_trace": "",
    }
