"""`logs/README.md`: the table of all events and fields, held against the code."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from project.observability.ecs import FIELDS
from tests.log_lines import ERROR_FIELDS, LEVELS, Event, read_event_table

FIELD_ROW = re.compile(r"^\| `(\w+)` \| `([\w.@]+)` \| (\w+)( \*)? \| (.+?) \|$", re.MULTILINE)


def calls_of(repository: Path) -> dict[str, Event]:
    """The events that the code writes, with the fields that stand in the calls."""
    found: dict[str, Event] = defaultdict(Event)
    for folder in ("project", "deploy"):
        for path in sorted((repository / folder).rglob("*.py")):
            for call in log_calls(ast.parse(path.read_text())):
                name = call.args[0]
                assert isinstance(name, ast.Constant), f"{path}: an event's name is a constant"
                event = found[name.value]
                event.levels |= levels_of(call)
                event.fields |= fields_of(call)
    return found


def log_calls(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls like `_log.info("job_started", …)`, and of a name that is one of these methods."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and levels_of(node) and is_of_a_logger(node):
            yield node


def levels_of(call: ast.Call) -> set[str]:
    """The level that the method is named after; of `write`, those of both of its meanings."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS:
        return {call.func.attr}
    if isinstance(call.func, ast.Name) and call.func.id == "write":
        return {"debug", "info"}
    return set()


def is_of_a_logger(call: ast.Call) -> bool:
    """Whether it is called on what a module names its logger."""
    if isinstance(call.func, ast.Name):
        return True
    text = ast.unparse(call.func)
    return text.startswith(("_log.", "log.", "structlog.get_logger()."))


def fields_of(call: ast.Call) -> set[str]:
    """The names of the fields in a call; `exc_info` stands for the three of an error."""
    names = {keyword.arg for keyword in call.keywords if keyword.arg}
    return names - {"exc_info"} | (ERROR_FIELDS if "exc_info" in names else set())


def test_table_lists_every_event_and_no_other(repository: Path) -> None:
    table, calls = read_event_table(), calls_of(repository)

    assert sorted(table) == sorted(calls)


def test_table_says_at_which_levels_an_event_comes(repository: Path) -> None:
    table, calls = read_event_table(), calls_of(repository)

    assert {name: event.levels for name, event in table.items()} == {
        name: event.levels for name, event in calls.items()
    }


def test_table_names_every_field_that_an_event_is_given(repository: Path) -> None:
    table = read_event_table()

    missing = {
        name: event.fields - table[name].fields - ERROR_FIELDS
        for name, event in calls_of(repository).items()
        if event.fields - table[name].fields - ERROR_FIELDS
    }

    assert missing == {}


def test_table_names_an_error_where_an_event_tells_of_one(repository: Path) -> None:
    told = {name for name, event in read_event_table().items() if event.has_error}

    assert told >= {
        name for name, event in calls_of(repository).items() if event.fields & ERROR_FIELDS
    }


def test_fields_are_listed_with_their_place_and_type(repository: Path) -> None:
    text = (repository / "logs/README.md").read_text()
    listed = {
        name: (place, kind, bool(star)) for name, place, kind, star, _ in FIELD_ROW.findall(text)
    }

    assert listed == {
        name: (".".join(one.path), one.type, one.is_ours) for name, one in FIELDS.items()
    }


def test_events_are_in_the_order_of_the_alphabet() -> None:
    assert list(read_event_table()) == sorted(read_event_table())
