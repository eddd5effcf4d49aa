"""References in a workflow's parameters: what another step has returned, or the item at hand. Pure.

`{"$result": "step", "path": "files.0.file"}` and `{"$item": "file"}` stand for values; in a path
`*` is each element of a list, and an empty one is all of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from project.errors import PermanentError


def fill(value: Any, results: Mapping[str, Any], item: Any = None) -> Any:
    """The value, with what references name in their places."""
    if isinstance(value, dict):
        if "$result" in value:
            return _pick(results.get(value["$result"]), value.get("path", ""), value["$result"])
        if "$item" in value:
            return _pick(item, value["$item"], "the item")
        return {name: fill(inner, results, item) for name, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, results, item) for inner in value]
    return value


def _pick(value: Any, path: str, what: str) -> Any:
    """What lies at a path like `files.0.file`; `*` stands for each element of a list."""
    head, _, rest = path.partition(".")
    if not path:
        return value
    if head == "*" and isinstance(value, list):
        return [_pick(inner, rest, what) for inner in value]
    try:
        inner = value[int(head)] if isinstance(value, list) else value[head]
    except (KeyError, IndexError, TypeError, ValueError):
        raise PermanentError(f"There is no {head!r} in what {what} has returned.") from None
    return _pick(inner, rest, what)


def list_references(value: Any) -> Iterator[str]:
    """The steps that the value refers to."""
    if isinstance(value, Mapping):
        if isinstance(value.get("$result"), str):
            yield value["$result"]
        for inner in value.values():
            yield from list_references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from list_references(inner)


def refers(value: Any) -> bool:
    """Whether the value is known only when the step begins."""
    if isinstance(value, Mapping):
        return bool({"$result", "$item"} & value.keys()) or any(map(refers, value.values()))
    return isinstance(value, list) and any(map(refers, value))
