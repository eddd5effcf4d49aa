"""How a line tells of an error: its type and where it was raised, seldom its message. Pure.

The message of an error may quote what somebody sent: a parameter, a header, a whole document. So it
is written only where the error's type says that it does not; the job's record has it always, for
those who may see the job.
"""

import re
import traceback
from collections.abc import Iterator

from project.observability.redaction import as_text

STACK_LIMIT = 16_000
"""Longest stack trace, characters: its end, where the error is."""

_OF_SERVERS = ("amqp.", "billiard.exceptions.", "kombu.", "redis.")
"""Libraries whose errors tell of a server, or of a process: addresses, codes, signals."""

_BEGIN = "Traceback (most recent call last):"
_LINKS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_FRAME = re.compile(r'  File ".*", line \d+, in .+')
_TYPE = re.compile(r"[A-Za-z_][\w.]*")


def describe_error(error: BaseException) -> dict[str, str]:
    """The fields by which a log line tells of an error."""
    fields = {
        "error_type": type(error).__name__,
        "error_stack_trace": frames_of("".join(traceback.format_exception(error))),
    }
    message = message_of(error)
    return {**fields, "error_message": message} if message else fields


def message_of(error: BaseException) -> str:
    """What the error says, where that is about us, not about what somebody sent; else nothing."""
    if isinstance(error, OSError) and error.strerror:
        return f"[Errno {error.errno}] {error.strerror}"  # its text may end in a file's name
    is_of_server = f"{type(error).__module__}.".startswith(_OF_SERVERS)
    if is_of_server or getattr(error, "is_about_us", False):
        return as_text(error)
    return ""


def name_error(error: BaseException) -> str:
    """One word, or one sentence, for an error that a library put into its message."""
    return message_of(error) or type(error).__name__


def frames_of(text: str) -> str:
    """A formatted traceback without the messages in it: files, lines, code, types of the errors."""
    return "\n".join(_keep(text.splitlines()))[-STACK_LIMIT:]


def _keep(lines: list[str]) -> Iterator[str]:
    """Only what the interpreter itself writes: a message may span lines, and look like anything."""
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
