"""The kinds that this process offers. `project.jobs` lists them; `load_kinds` adds others."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from project.errors import DefinitionError, UnknownKindError
from project.kinds.definition import Kind
from project.kinds.extras import is_installed

KINDS: dict[str, Kind] = {}

ALWAYS_OFFERED = "create_task"
"""The tutorial's kind, which its routes run."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NotOffered:
    """Why this process does not offer a kind, and how to change that."""

    reason: str
    remedy: str

    def describe(self, name: str) -> str:
        """The error message for a client that asked for the kind."""
        return f"Kind {name} is not offered here: {self.reason}. {self.remedy}"


NOT_OFFERED: dict[str, NotOffered] = {}


def get_kind(name: str) -> Kind:
    """The kind of that name; UnknownKindError if there is none."""
    try:
        return KINDS[name]
    except KeyError:
        if name in NOT_OFFERED:
            raise UnknownKindError(NOT_OFFERED[name].describe(name)) from None
        offered = ", ".join(kind.name for kind in KINDS.values() if not kind.is_internal)
        raise UnknownKindError(f"There is no kind {name!r}; choose one of {offered}.") from None


def get_offered(name: str) -> Kind:
    """The kind of that name if clients may submit it; UnknownKindError otherwise."""
    kind = get_kind(name)
    if kind.is_internal:
        raise UnknownKindError(f"Kind {name} is internal: clients cannot submit it.", field="kind")
    return kind


def choose_kinds(
    built_in: dict[str, Kind],
    chosen: str = "",
    *,
    kinds: dict[str, Kind] = KINDS,
    not_offered: dict[str, NotOffered] = NOT_OFFERED,
    has_extra: Callable[[str], bool] = is_installed,
) -> None:
    """Offer the chosen built-in kinds whose extras are installed.

    `chosen` is a comma-separated list of names; empty chooses all. Internal kinds need not be
    chosen, because other kinds need them. Raises DefinitionError if a name is not a built-in kind.
    """
    names = {name.strip() for name in chosen.split(",")} - {""}
    _check_names(names, built_in)
    for name, kind in built_in.items():
        obstacle = _find_choice(kind, names) or find_missing_extra(kind, has_extra)
        if obstacle is None:
            kinds.setdefault(name, kind)
            not_offered.pop(name, None)
        else:
            kinds.pop(name, None)
            not_offered[name] = obstacle


def _check_names(names: set[str], built_in: dict[str, Kind]) -> None:
    known = [kind.name for kind in built_in.values() if not kind.is_internal]
    if unknown := sorted(names - set(known)):
        raise DefinitionError(
            f"JOBS_KINDS names {unknown[0]}, which cannot be chosen; choose from "
            f"{', '.join(known)}."
        )


def _find_choice(kind: Kind, names: set[str]) -> NotOffered | None:
    if not names or kind.is_internal or kind.name in {*names, ALWAYS_OFFERED}:
        return None
    return NotOffered("JOBS_KINDS does not name it", "Add it there to offer it.")


def find_missing_extra(
    kind: Kind, has_extra: Callable[[str], bool] = is_installed
) -> NotOffered | None:
    """How to install the kind's missing extra; None if nothing is missing."""
    if not kind.extra or has_extra(kind.extra):
        return None
    return NotOffered(
        f"the extra {kind.extra} is not installed",
        f"Run `pip install --require-hashes -r deploy/requirements/{kind.extra}.txt`, or build the "
        f"image with {kind.extra} among JOBS_EXTRAS.",
    )


def log_not_offered() -> None:
    """Log one line that lists the kinds not offered, if there are any."""
    if NOT_OFFERED:
        names: dict[str, list[str]] = {}
        for name, one in NOT_OFFERED.items():
            names.setdefault(one.reason, []).append(name)
        reason = "; ".join(f"{', '.join(kinds)}: {why}" for why, kinds in names.items())
        _log.info("kinds_not_offered", reason=reason)
