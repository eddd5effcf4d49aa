"""Which kinds there are. `project.jobs` lists them; extra ones come by `load_kinds`."""

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
    """Why this process does not have a kind, and what to do about it."""

    reason: str
    remedy: str

    def describe(self, name: str) -> str:
        """For whoever asked for that kind."""
        return f"Kind {name} is not offered here: {self.reason}. {self.remedy}"


NOT_OFFERED: dict[str, NotOffered] = {}


def get_kind(name: str) -> Kind:
    """The kind of that name; UnknownKindError where there is none."""
    try:
        return KINDS[name]
    except KeyError:
        if name in NOT_OFFERED:
            raise UnknownKindError(NOT_OFFERED[name].describe(name)) from None
        offered = ", ".join(kind.name for kind in KINDS.values() if not kind.is_internal)
        raise UnknownKindError(f"There is no kind {name!r}; there are {offered}.") from None


def get_offered(name: str) -> Kind:
    """The same, where clients are offered it; else UnknownKindError, too."""
    kind = get_kind(name)
    if kind.is_internal:
        raise UnknownKindError(f"Kind {name} is run by the scheduler only.", field="kind")
    return kind


def choose_kinds(
    built_in: dict[str, Kind],
    chosen: str = "",
    *,
    kinds: dict[str, Kind] = KINDS,
    not_offered: dict[str, NotOffered] = NOT_OFFERED,
    has_extra: Callable[[str], bool] = is_installed,
) -> None:
    """Offer those of the built-in kinds that are chosen and whose extras are installed.

    `chosen` are names, comma-separated; empty: all. Internal kinds are not chosen: they are there
    for others. DefinitionError where a name is no kind.
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
            f"JOBS_KINDS names {unknown[0]}, which is no built-in kind; there are "
            f"{', '.join(known)}."
        )


def _find_choice(kind: Kind, names: set[str]) -> NotOffered | None:
    if not names or kind.is_internal or kind.name in {*names, ALWAYS_OFFERED}:
        return None
    return NotOffered("JOBS_KINDS does not name it", "Add it there to have it.")


def find_missing_extra(
    kind: Kind, has_extra: Callable[[str], bool] = is_installed
) -> NotOffered | None:
    """What to do where the kind's extra is not installed; None where it is, or it needs none."""
    if not kind.extra or has_extra(kind.extra):
        return None
    return NotOffered(
        f"the extra {kind.extra} is not installed",
        f"Run `pip install --require-hashes -r deploy/requirements/{kind.extra}.txt`, or build the "
        f"image with {kind.extra} among JOBS_EXTRAS.",
    )


def log_not_offered() -> None:
    """One line about the kinds that this process does not have; none where it has all."""
    if NOT_OFFERED:
        names: dict[str, list[str]] = {}
        for name, one in NOT_OFFERED.items():
            names.setdefault(one.reason, []).append(name)
        reason = "; ".join(f"{', '.join(kinds)}: {why}" for why, kinds in names.items())
        _log.info("kinds_not_offered", reason=reason)
