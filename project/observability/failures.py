"""How a log line describes an error: its type and where it was raised, seldom its message. Pure.

An error's message may quote a client's data: a parameter, a header, a whole document. So a line has
the message only if the error's type guarantees that it does not. The job's record always has it,
for people who may see the job.
"""

import re
import traceback
from collections.abc import Iterator

from project.observability.redaction import as_text

STACK_LIMIT = 16_000
"""Longest stack trace, characters; a longer one keeps its end, where the error is."""

_OF_SERVERS = ("amqp.", "billiard.exceptions.", "kombu.", "redis.")
"""Libraries whose errors are about a server or a process: addresses, codes, signals."""

_BEGIN = "Traceback (most recent call last):"
_LINKS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_FRAME = re.compile(r'  File ".*", line \d+, in .+')
_TYPE = re.compile(r"[A-Za-z_][\w.]*")


def describe_error(error: BaseException) -> dict[str, str]:
    """The fields with which a log line describes an error."""
    fields = {
        "error_type": type(error).__name__,
        "error_stack_trace": frames_of("".join(traceback.format_exception(error))),
    }
    message = message_of(error)
    return {**fields, "error_message": message} if message else fields


def message_of(error: BaseException) -> str:
    """The error's message if it cannot quote a client's data; otherwise empty."""
    if isinstance(error, OSError) and error.strerror:
        return f"[Errno {error.errno}] {error.strerror}"  # the full text may have a file's name
    is_of_server = f"{type(error).__module__}.".startswith(_OF_SERVERS)
    if is_of_server or getattr(error, "is_about_us", False):
        return as_text(error)
    return ""


def name_error(error: BaseException) -> str:
    """The message or type of an error that a library put into its own message."""
    return message_of(error) or type(error).__name__


def frames_of(text: str) -> str:
    """A formatted traceback without messages: only files, lines, code and types of the errors."""
    return "\n".join(_keep(text.splitlines()))[-STACK_LIMIT:]


def _keep(lines: list[str]) -> Iterator[str]:
    """Keep only the interpreter's lines: a message may span lines and look like anything."""
    is_inside = is_code = False
    for line in lines:
        if line == _BEGIN:
            is_inside, is_code = True, False
            yield line
        elif is_inside and _FRAME.fullmatch(line):
            is_code = True
            yield line
        elif is_code and line.startswith(("    ", "  [Previous line repeated ")):
            yield line
        elif is_inside:
            is_inside = is_code = False
            found = _TYPE.match(line)
            if found:
                yield found[0]
        elif line in _LINKS:
            yield line
