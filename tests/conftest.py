"""What all kinds of tests share."""

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ALONE = ("tests/integration/annex/", "tests/faults/")
"""Folders whose tests build a system, or a whole stack, that all of them use."""


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that this checkout is in."""
    return Path(__file__).parent.parent


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist's types are not exported
    """Gives each process the next test, and all tests of such a folder to one process.

    Every process that got one of them would build a system of its own. xdist's own way to say so,
    `xdist_group`, has no effect with pytest 9.2: it writes to an attribute that is gone.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in ALONE if nodeid.startswith(folder)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Ours, whatever `--dist` says."""
    return Scheduling(config, log)
