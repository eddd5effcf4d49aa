"""Which part of a file to send (RFC 9110, section 14.2).

werkzeug answers a valid range, but refuses an invalid one, which it must ignore, and sends the file
with a 412. This module therefore decides which headers werkzeug sees.
"""

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import is_resource_modified, parse_etags, quote_etag

# Longer numbers are beyond the end of any file: such a request gets the whole file.
_ONE_RANGE = re.compile(r"[ \t]*bytes[ \t]*=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


def choose_range(environ: Mapping[str, Any], etag: str, size: int) -> dict[str, Any]:
    """The request's environment, with the one range of bytes to send, or without a range.

    PreconditionFailed if `If-Match` names only other contents.
    """
    matching = parse_etags(environ.get("HTTP_IF_MATCH"))
    if matching and etag not in matching:  # `*` contains every tag; werkzeug's own check differs
        raise PreconditionFailed("If-Match does not name this file.")
    decided = {"HTTP_RANGE", "HTTP_IF_MATCH"}
    chosen = {name: value for name, value in environ.items() if name not in decided}
    wanted = _ONE_RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
    is_for_range = (
        environ["REQUEST_METHOD"] == "GET"  # no other method has ranges
        and not environ.get("HTTP_IF_RANGE", "").startswith("W/")  # a weak tag never matches
        # If-None-Match takes precedence.
        and is_resource_modified(chosen, etag=quote_etag(etag))
    )
    if wanted and is_for_range and (given := _find_range(wanted, size)):
        chosen["HTTP_RANGE"] = given
    return chosen


def _find_range(wanted: re.Match[str], size: int) -> str:
    """The range in the only form that werkzeug reads correctly; empty if it is not a range."""
    first, last = wanted.groups()
    if first:
        is_backwards = last and int(last) < int(first)
        return "" if is_backwards else f"bytes={int(first)}-{last}"
    if not last:
        return ""
    # The last bytes: the whole file if it has fewer; for zero bytes there is nothing to send.
    start = max(0, size - int(last)) if int(last) else size
    return f"bytes={start}-"
