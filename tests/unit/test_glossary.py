"""The words of docs/glossary.md hold in the names of the code, of the API and of the logs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.observability.ecs import FIELDS
from project.server import create_app

PLACES = ("project", "deploy")
TERM = re.compile(r"^\| ([a-z][^|]*) \|[^|]*\|([^|]*)\|$", re.MULTILINE)
# Another thing of that name, and where.
ALLOWED = re.compile(
    r"\w*Final|final_(url|status|path|text|part|value|state)s?"  # what comes last in a computation
    r"|ended_ns|_OPEN_ENDED"  # the end of a span; a table without an end
    r"|_?TURNS?|turn|\w*(turned|[Tt]urn_(clockwise|slashes|back))\w*"  # pictures, slashes
    r"|family|families"  # of fonts and of addresses
)


def banned_words(repository: Path) -> set[str]:
    """The words that stand in the glossary's last column."""
    text = (repository / "docs/glossary.md").read_text()
    return {word for row in TERM.findall(text) for word in re.findall(r"`(\w+)`", row[1])}


def names_of(tree: ast.Module) -> Iterator[str]:
    """What the module's author has named: functions, classes, arguments, variables, fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def words_of(name: str) -> set[str]:
    """`has_ended`, `HasEnded` and `HAS_ENDED` are the words `has` and `ended`."""
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_glossary_bans_words(repository: Path) -> None:
    assert {"lane", "replay", "turn"} <= banned_words(repository)


@pytest.mark.parametrize("place", PLACES)
def test_no_name_uses_a_word_that_the_glossary_replaces(repository: Path, place: str) -> None:
    banned = banned_words(repository)
    found = {
        (str(path.relative_to(repository)), name)
        for path in (repository / place).rglob("*.py")
        for name in names_of(ast.parse(path.read_text()))
        for word in words_of(name) & banned
        if not ALLOWED.fullmatch(name)
    }

    assert not found


def test_no_field_of_a_log_line_does(repository: Path) -> None:
    banned = banned_words(repository)

    assert not {name for name in FIELDS if words_of(name) & banned}


def test_no_field_or_path_of_the_api_does(repository: Path) -> None:
    document = create_app().test_client().get("/openapi.json").text
    names = re.findall(r'"([\w/{}.-]+)":', document)

    assert not {name for name in names if words_of(name) & banned_words(repository)}
