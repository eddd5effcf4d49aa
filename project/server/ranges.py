"""Which part of a file a request is answered with (RFC 9110, section 14.2).

werkzeug answers a range; what is none it refuses, although that must be ignored; and with a 412 it
sends the file. So here is decided what it gets to see.
"""

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import is_resource_modified, parse_etags, quote_etag

# Numbers of more digits are no place in any file: who asks for them gets all of it.
_ONE_RANGE = re.compile(r"[ \t]*bytes[ \t]*=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


def choose_range(environ: Mapping[str, Any], etag: str, size: int) -> dict[str, Any]:
    """The request's environment, with the one range of bytes that it is answered with, or none.

    PreconditionFailed where `If-Match` names other contents only.
    """
    matching = parse_etags(environ.get("HTTP_IF_MATCH"))
    if matching and etag not in matching:  # which is true of `*`, for werkzeug's own check not
        raise PreconditionFailed("The file is not the one that If-Match names.")
    decided = {"HTTP_RANGE", "HTTP_IF_MATCH"}
    chosen = {name: value for name, value in environ.items() if name not in decided}
    wanted = _ONE_RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
    is_for_range = (
        environ["REQUEST_METHOD"] == "GET"  # no other method has ranges
        and not environ.get("HTTP_IF_RANGE", "").startswith("W/")  # which is never the same
        # If-None-Match comes first.
        and is_resource_modified(chosen, etag=quote_etag(etag))
    )
    if wanted and is_for_range and (given := _find_range(wanted, size)):
        chosen["HTTP_RANGE"] = given
    return chosen


def _find_range(wanted: re.Match[str], size: int) -> str:
    """The range in the only form that werkzeug takes right; empty where it is none."""
    first, last = wanted.groups()
    if first:
        is_backwards = last and int(last) < int(first)
        return "" if is_backwards else f"bytes={int(first)}-{last}"
    if not last:
        return ""
    # The last bytes: all of a file that has fewer; of none there is no part to send.
    start = max(0, size - int(last)) if int(last) else size
    return f"bytes={start}-"
