"""A system of its own for the tests of this folder, which run one after the other."""

from collections.abc import Iterator

import pytest

from project.config import Settings
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem


@pytest.fixture(scope="session")
def isolated(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IsolatedSystem]:
    """A second system on the stack's servers, for tests that must be alone or that break things."""
    isolated = IsolatedSystem(settings, tmp_path_factory.mktemp("isolated"))
    isolated.start()
    try:
        yield isolated
    finally:
        isolated.stop()


@pytest.fixture(scope="module")
def system(isolated: IsolatedSystem) -> IsolatedSystem:
    """The isolated system with a web server and a short worker."""
    isolated.start_web()
    isolated.start_worker("worker-short")
    return isolated


@pytest.fixture
def browser(system: IsolatedSystem) -> Client:
    """A new browser on its page."""
    return system.open_page()
