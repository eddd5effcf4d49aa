"""Ids in addresses."""

from werkzeug.routing import BaseConverter


class IdConverter(BaseConverter):
    """Any text but the words that stand in an id's place: `/jobs/bulk` is no job called bulk."""

    regex = r"(?!(?:bulk|rerun)\Z)[^/]+"
    part_isolating = True  # werkzeug would not think so, as the slash is named above
