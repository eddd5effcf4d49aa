"""`docs/changes.md`: what it says of the files that a change touches is held against them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(
    r"^\| (?P<change>[^|]+) \| (?P<most>\d+)[^|]* \| (?P<which>[^|]+) \|$", re.MULTILINE
)
PATH = re.compile(r"`((?:project|tests)/[^`]*)`")

ROWS = [row.groupdict() for row in ROW.finditer((ROOT / "docs/changes.md").read_text())]
each_row = pytest.mark.parametrize("row", ROWS, ids=[row["change"] for row in ROWS])


def test_table_has_rows() -> None:
    assert len(ROWS) >= 8


@each_row
def test_files_of_a_change_are_there(row: dict[str, str]) -> None:
    for path in PATH.findall(row["which"]):
        if "<" in path:
            folder = ROOT / path.partition("<")[0]
            assert list(folder.glob("*.py")), path
        else:
            assert (ROOT / path).exists(), path


@each_row
def test_no_more_files_are_listed_than_are_promised(row: dict[str, str]) -> None:
    assert len(PATH.findall(row["which"])) <= int(row["most"])


def test_each_resource_has_its_schema_beside_its_routes() -> None:
    """So whoever knows the one finds the other."""
    routes = {path.stem for path in (ROOT / "project/server/routes").glob("[a-z]*.py")}
    schemas = {path.stem for path in (ROOT / "project/api").glob("[a-z]*.py")}

    assert routes - schemas == {"reference"}  # it shows the description of all others
