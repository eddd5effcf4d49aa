"""What all kinds of tests share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that this checkout is in."""
    return Path(__file__).parent.parent
