"""References in a workflow's parameters: to another step's result, or to the item. Pure.

`{"$result": "step", "path": "files.0.file"}` and `{"$item": "file"}` stand for values; in a path
`*` is each element of a list, and an empty path is the whole value. In a step that is itself a
workflow, the names of its own steps take precedence; it resolves references among them itself.
"""

from collections.abc import Callable, Mapping
from typing import Any

from project.errors import PermanentError

ITEM = "$item"
WORKFLOW = "workflow"
"""The kind whose parameters have steps of their own."""

Reference = Mapping[str, Any]
Replace = Callable[[Reference], Any]


def fill(value: Any, results: Mapping[str, Any], item: Any = None, kind: str = "") -> Any:
    """Replace the references in a value, which is the parameters of `kind` if that is given."""

    def find(reference: Reference) -> Any:
        if ITEM in reference:
            return _pick(item, reference[ITEM], "the item")
        name = reference["$result"]
        return _pick(results.get(name), reference.get("path", ""), name)

    return _replace(value, find, kind)


def list_references(value: Any, kind: str = "") -> set[str]:
    """The steps, and ITEM, that a value refers to; it is `kind`'s parameters if that is given."""
    found: set[str] = set()

    def note(reference: Reference) -> None:
        found.add(ITEM if ITEM in reference else reference["$result"])

    _replace(value, note, kind)
    return found


def _replace(value: Any, replace: Replace, kind: str, hidden: frozenset[str] = frozenset()) -> Any:
    """`hidden` are names that an inner workflow redefines."""
    if kind != WORKFLOW or not _has_steps(value):
        return _walk(value, replace, hidden)
    names = hidden | value["steps"].keys()
    steps = {name: _replace_in_step(step, replace, names) for name, step in value["steps"].items()}
    return {**_walk({**value, "steps": None}, replace, hidden), "steps": steps}


def _replace_in_step(step: Any, replace: Replace, hidden: frozenset[str]) -> Any:
    if not isinstance(step, Mapping) or _is_reference(step) or "parameters" not in step:
        return _walk(step, replace, hidden)
    own = hidden if step.get("for_each") is None else hidden | {ITEM}
    parameters = _replace(step["parameters"], replace, step.get("kind", ""), own)
    return {**_walk({**step, "parameters": None}, replace, hidden), "parameters": parameters}


def _walk(value: Any, replace: Replace, hidden: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_walk(inner, replace, hidden) for inner in value]
    if not isinstance(value, Mapping):
        return value
    if _is_reference(value):
        name = ITEM if ITEM in value else value["$result"]
        return value if name in hidden else replace(value)
    return {name: _walk(inner, replace, hidden) for name, inner in value.items()}


def _has_steps(parameters: Any) -> bool:
    steps = parameters.get("steps") if isinstance(parameters, Mapping) else None
    return isinstance(steps, Mapping) and not _is_reference(steps)


def _is_reference(value: Mapping[str, Any]) -> bool:
    name, path = value.get("$result"), value.get("path", "")
    return isinstance(value.get(ITEM), str) or (isinstance(name, str) and isinstance(path, str))


def _pick(value: Any, path: str, what: str) -> Any:
    """The value at a path like `files.0.file`; `*` stands for each element of a list."""
    head, _, rest = path.partition(".")
    if not path:
        return value
    if head == "*" and isinstance(value, list):
        return [_pick(inner, rest, what) for inner in value]
    try:
        inner = value[int(head)] if isinstance(value, list) else value[head]
    except (KeyError, IndexError, TypeError, ValueError):
        raise PermanentError(f"There is no {head!r} in the result of {what}.") from None
    return _pick(inner, rest, what)
