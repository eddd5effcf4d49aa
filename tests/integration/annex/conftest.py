"""A system of its own for the tests of this folder, which run one after the other."""

from collections.abc import Iterator

import pytest

from project.config import Settings
from tests.integration.annex.system import Annex


@pytest.fixture(scope="session")
def annex(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    """A second system on the stack's servers, for tests that must be alone or that break things."""
    annex = Annex(settings, tmp_path_factory.mktemp("annex"))
    annex.start()
    try:
        yield annex
    finally:
        annex.stop()
