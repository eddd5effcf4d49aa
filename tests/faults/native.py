"""A storm over a native stack."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import requests

from tests.faults.journal import Journal
from tests.faults.load import Load, Traffic
from tests.faults.log_verdict import SECRET_MARK, read
from tests.faults.stack import Stack
from tests.faults.storm import Storm, read_lines
from tests.faults.troubles import WEB_TROUBLES, Scene, Trouble

SCHEDULE_SECONDS = 3
ANSWER_SECONDS = 10


def make_storm(
    stack: Stack,
    folder: Path,
    traffic: Traffic,
    troubles: Mapping[str, Trouble],
    say: Callable[[str], None],
) -> Storm:
    """A storm whose jobs keep their journal in the folder."""
    journal = Journal(folder)
    journal.make()
    schedule(stack, SCHEDULE_SECONDS)
    scene = Scene(stack, journal, traffic.random)
    url = f"http://127.0.0.1:{stack.settings.web_port}"
    return Storm(
        troubles={name: partial(trouble, scene) for name, trouble in troubles.items()},
        journal=journal,
        make_load=lambda trouble: Load(url, str(folder), traffic, trouble),
        await_whole=stack.await_whole,
        # A line that did not fit on the disk is on stderr, which supervisor keeps.
        read_log=lambda: read(
            read_lines(stack.settings.log_dir, "*.jsonl*"),
            read_lines(stack.data / "supervisor", "*.log*"),
        ),
        web_troubles=WEB_TROUBLES,
        say=say,
    )


def schedule(stack: Stack, seconds: int) -> None:
    """Have the stack's scheduler hand in a job every so many seconds."""
    form = {
        "kind": "faults.leaf",
        "parameters": {"secret": f"{SECRET_MARK}s"},
        "every_seconds": seconds,
        "overlap": "allow",
    }
    url = f"http://127.0.0.1:{stack.settings.web_port}/api/v1/schedules"
    answer = requests.post(url, json=form, timeout=ANSWER_SECONDS)
    assert answer.status_code == 201, answer.text
