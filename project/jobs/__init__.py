"""The kinds of jobs, listed explicitly. A new kind is one file here and one line below."""

from collections.abc import Mapping

from project.errors import UnknownKindError
from project.jobs.create_task import create_task
from project.jobs.definition import Context, Kind
from project.jobs.email_send import send_email
from project.jobs.files_sweep import sweep_files
from project.jobs.image_thumbnail import make_thumbnails

__all__ = ["KINDS", "Context", "Kind", "get_kind"]

KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (create_task, make_thumbnails, send_email, sweep_files)
}


def get_kind(name: str) -> Kind:
    """The kind of that name; UnknownKindError where there is none."""
    try:
        return KINDS[name]
    except KeyError:
        offered = ", ".join(kind.name for kind in KINDS.values() if not kind.is_internal)
        raise UnknownKindError(f"There is no kind {name!r}; there are {offered}.") from None
