"""Which kinds there are. `project.jobs` lists them; extra ones come by `load_kinds`."""

from project.errors import UnknownKindError
from project.kinds.definition import Kind

KINDS: dict[str, Kind] = {}


def get_kind(name: str) -> Kind:
    """The kind of that name; UnknownKindError where there is none."""
    try:
        return KINDS[name]
    except KeyError:
        offered = ", ".join(kind.name for kind in KINDS.values() if not kind.is_internal)
        raise UnknownKindError(f"There is no kind {name!r}; there are {offered}.") from None


def get_offered(name: str) -> Kind:
    """The same, where clients are offered it; else UnknownKindError, too."""
    kind = get_kind(name)
    if kind.is_internal:
        raise UnknownKindError(f"Kind {name} is run by the scheduler only.", field="kind")
    return kind
