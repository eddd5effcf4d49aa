"""Records and messages of older and newer code: while a deploy rolls on, both are at work.

Each record and each message says in `format` which rules it follows, a whole number, and behind it
the version of the code that has written it: `1 0.1.0`.

- No format, or a smaller number: it is read, and what it lacks has its default.
- The same number: what this code does not know of it is ignored, and kept. Records are changed
  field by field, and a message that is sent again keeps its headers.
- A greater number: this code would misunderstand it, and leaves it alone. The number grows for that
  alone: with a new status, say, or a field that means something else. An added field is no reason.

A worker requeues such a message with a delay, up to MOST_WAITS times: it is a job that a newer
worker runs as soon as there is one. A dead letter would be an outcome that nobody wants; a plain
requeue would come back at once, and count as a failed delivery. If no such worker comes, because
the new version was taken back, it is a dead letter in the end, whose reason names the format.

A record of that kind is left out of lists. Who asks for it by its id gets NewerRecordError, a 503:
the next try may reach a newer process.
"""

from typing import Any

import project

FORMAT = 1
FORMAT_TEXT = f"{FORMAT} {project.__version__}"
"""What this code writes."""

WAIT_SECONDS = 10
MOST_WAITS = 360
"""An hour: a deploy that takes longer has stopped half-way."""

_LONGEST = 9
"""Digits. Whatever a stranger writes, nothing is reckoned with more."""


def is_newer(text: Any) -> bool:
    """Whether this code would misunderstand what has this `format`; odd ones say nothing."""
    if text is None or text == FORMAT_TEXT:
        return False
    number = str(text).partition(" ")[0]
    return number.isascii() and number.isdigit() and int(number[:_LONGEST]) > FORMAT
