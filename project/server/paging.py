"""Lists that come a page at a time."""

from typing import Any

from flask import Response, jsonify, request, url_for


def present_page(name: str, items: list[dict[str, Any]], next_cursor: str) -> Response:
    """The page; where another one follows, its cursor and a link to it (RFC 8288)."""
    response = jsonify({name: items, "next": next_cursor or None})
    if next_cursor and request.endpoint:
        query = request.args.to_dict(flat=False) | {"cursor": [next_cursor]}
        address = url_for(request.endpoint, **query)  # type: ignore[arg-type]  # lists repeat
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response
