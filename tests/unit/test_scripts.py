"""The Lua scripts and Python agree on statuses, fields and keys; each script has a test."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import project
from project.ledger import Job, Status, keys
from project.ledger.job import FINISHED, PENDING, SOURCES
from project.ledger.record import ATTEMPT_PREFIX
from project.ledger.steps import EACH, SINGLE, WORK, write_tables
from project.live import events
from tests import integration

PROJECT = Path(project.__file__).parent
SCRIPTS = sorted(PROJECT.rglob("*.lua"))
LEDGER_SCRIPTS = [script for script in SCRIPTS if script.parent.parent.name == "ledger"]
SHARED = {"prelude", "each", "append"}
"""Of the ledger's: what others are made of, and what the job's log calls."""

OWN_FIELDS = {
    *("holder", "contested", "confirm_by", "recorded_at", "confirmed_by", "unique", "wake_on"),
    "wait",
}
"""Fields of a record that only the scripts know."""
STATUS_PLACES = (
    r"status\s*[=~]=\s*'(\w+)'",
    r"(?:job|parent)\[1\]\s*[=~]=\s*'(\w+)'",
    r"(?:'HSET', key,|\{) 'status', '(\w+)', 'version'",
    r"(?:file|partition)\(\w+, (?:id, )?'(\w+)'",
)


def code_of(script: Path) -> str:
    """Without its comments."""
    return re.sub(r"--.*", "", script.read_text())


def quoted(text: str) -> Iterator[str]:
    return iter(re.findall(r"'([^'\n]*)'", text))


each_script = pytest.mark.parametrize("script", LEDGER_SCRIPTS, ids=lambda script: script.name)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_script_has_a_test_of_its_own(script: Path) -> None:
    text = Path(integration.__file__).with_name("test_scripts.py").read_text()

    assert f'"{script.name}"' in text


def test_every_script_of_the_ledger_is_called() -> None:
    assert {script.stem for script in LEDGER_SCRIPTS} == {*EACH, *SINGLE, *WORK, *SHARED}


def test_tables_are_those_of_python() -> None:
    tables = dict(re.findall(r"local (\w+) = \{ (.*?) \}", write_tables()))
    sets = {name: set(re.findall(r"(\w+) = true", text)) for name, text in tables.items()}

    assert list(quoted(tables["STATUSES"])) == list(Status)
    assert sets["FINISHED"] == FINISHED
    assert sets["PENDING"] == PENDING
    assert sets["CLAIMABLE"] == SOURCES[Status.RUNNING]
    assert sets["CONFIRMED"] == {"queued", "scheduled"}


@each_script
def test_script_names_no_status_that_python_does_not_know(script: Path) -> None:
    found = {name for place in STATUS_PLACES for name in re.findall(place, code_of(script))}

    assert found <= set(Status)


@each_script
def test_script_reads_only_fields_that_there_are(script: Path) -> None:
    code = code_of(script)
    reads = re.findall(r"'(?:HGET|HMGET|HEXISTS)',\s*[^,]+,((?:\s*'\w+',?)+)", code)
    listed = re.findall(r"local FIELDS = \{(.*?)\}", code, re.DOTALL)

    names = {name for text in (*reads, *listed) for name in quoted(text)}

    assert names <= {field.name for field in fields(Job)} | OWN_FIELDS


def _list_key_beginnings() -> set[str]:
    """What Python's keys and channels begin with, up to their first variable part."""
    functions = [make for name, make in vars(keys).items() if name.endswith(("_key", "_prefix"))]
    named = [
        make(*["\0"] * make.__code__.co_argcount).partition("\0")[0]
        for make in (*functions, events.job_channel, events.owner_channel, events.log_channel)
    ]
    plain = [keys.PARTITIONS, keys.LEASES, keys.EXPIRING, keys.DEAD_LETTERS, events.ALL_CHANNEL]
    return {*named, *plain, ATTEMPT_PREFIX}


@each_script
def test_script_uses_only_keys_that_python_knows(script: Path) -> None:
    found = {text for text in quoted(code_of(script)) if re.fullmatch(r"[a-z-]+[:-][a-z:-]*", text)}

    assert found <= _list_key_beginnings()


def test_prelude_lists_the_keys_of_the_records() -> None:
    text = (PROJECT / "ledger" / "scripts" / "prelude.lua").read_text()
    others = {"file:", ATTEMPT_PREFIX}  # no script touches the holders of files

    missing = {key for key in _list_key_beginnings() - others if key not in text}

    assert missing == set()
