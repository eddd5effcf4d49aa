"""A system of its own for the tests of this folder, which run one after the other."""

from collections.abc import Iterator

import pytest

from project.config import Settings
from tests.integration.annex.system import Annex
from tests.integration.client import Client


@pytest.fixture(scope="session")
def annex(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    """A second system on the stack's servers, for tests that must be alone or that break things."""
    annex = Annex(settings, tmp_path_factory.mktemp("annex"))
    annex.start()
    try:
        yield annex
    finally:
        annex.stop()


@pytest.fixture(scope="module")
def system(annex: Annex) -> Annex:
    """The annex with a web server and a short worker."""
    annex.start_web()
    annex.start_worker("worker-short")
    return annex


@pytest.fixture
def browser(system: Annex) -> Client:
    """A new browser on its page."""
    return system.open_page()
