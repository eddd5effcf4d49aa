"""A storm over a native stack."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from tests.faults.journal import Journal
from tests.faults.load import Load, Mix
from tests.faults.stack import Stack
from tests.faults.storm import Storm, read_lines
from tests.faults.troubles import CLOCK_TROUBLES, TROUBLES, WEB_TROUBLES, Scene

ALL = TROUBLES | CLOCK_TROUBLES


def make_storm(
    stack: Stack,
    folder: Path,
    random: Random,
    say: Callable[[str], None],
    *,
    mix: Mix,
    rate: float,
) -> Storm:
    """A storm whose jobs keep their journal in the folder; `rate` is submits a second."""
    journal = Journal(folder)
    journal.make()
    scene = Scene(stack, journal, random)
    url = f"http://127.0.0.1:{stack.settings.web_port}"
    # A line that did not fit on the disk is on stderr, which supervisor keeps.
    logs = ((stack.settings.log_dir, "*.jsonl*"), (stack.data / "supervisor", "*.log*"))
    return Storm(
        troubles={name: partial(trouble, scene) for name, trouble in ALL.items()},
        journal=journal,
        make_load=lambda trouble: Load(url, str(folder), random, trouble, mix, rate),
        await_whole=stack.await_whole,
        log_lines=lambda: read_lines(logs),
        web_troubles=WEB_TROUBLES,
        say=say,
    )
