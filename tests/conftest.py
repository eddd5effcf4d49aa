"""What all kinds of tests share."""

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ISOLATED, FAULTS = "tests/integration/isolated/", "tests/faults/"
"""Folders whose tests build a system, or a whole stack."""


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that this checkout is in."""
    return Path(__file__).parent.parent


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist's types are not exported
    """Gives each process the next test, or the next module of those that share a system.

    A process builds one isolated system for all modules that use it, and the stack of the fault
    tests is built once. xdist's own way to say so, `xdist_group`, has no effect with pytest
    9.2: it writes to an attribute that is gone.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(FAULTS):
            return FAULTS
        return nodeid.partition("::")[0] if nodeid.startswith(ISOLATED) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Ours, whatever `--dist` says."""
    return Scheduling(config, log)
