"""Records and messages of older and newer code: during a rolling deploy, both versions run.

The field `format` of each record and message holds a whole number, the rules that it follows, and
then the version of the code that wrote it: `1 0.1.0`.

- No format, or a smaller number: this code reads it, and missing fields have their defaults.
- The same number: this code ignores fields that it does not know, and keeps them. It changes
  records field by field, and a message that it sends again keeps its headers.
- A greater number: this code would misunderstand it, and does not touch it. Only such a change
  raises the number: a new status, or a field with a new meaning. An added field does not.

A worker requeues a message of a greater number with a delay, up to MOST_WAITS times, so that a
newer worker can run the job. A dead letter would be an outcome that nobody wants, and a requeue
without a delay would come back at once, and count as a failed delivery. If no newer worker comes,
because the new version was rolled back, the message becomes a dead letter at last, whose reason
names the format.

Lists leave out records of a greater number. Reading one by its id raises NewerRecordError, a 503:
the next try may reach a newer process.
"""

from typing import Any

import project

FORMAT = 1
FORMAT_TEXT = f"{FORMAT} {project.__version__}"
"""The `format` that this code writes."""

WAIT_SECONDS = 10
MOST_WAITS = 360
"""An hour: a deploy that takes longer is stuck."""

_LONGEST = 9
"""Digits of the number that are read, whatever a foreign client wrote."""


def is_newer(text: Any) -> bool:
    """Whether this code would misunderstand data of this `format`; invalid formats: False."""
    if text is None or text == FORMAT_TEXT:
        return False
    number = str(text).partition(" ")[0]
    return number.isascii() and number.isdigit() and int(number[:_LONGEST]) > FORMAT
