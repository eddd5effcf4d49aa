"""One stack for all fault tests of a process; each test leaves it whole."""

from collections.abc import Iterator

import pytest

from tests.faults.stack import Stack, running
from tests.integration.client import Client

# Starting a stack may take minutes on a slow machine, and so may a server's restart.
SECONDS = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/faults/" in item.nodeid:
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def browser(stack: Stack) -> Client:
    """Its requests so far have left open connections to the servers."""
    browser = stack.open_page()
    for _ in range(3):
        browser.await_status(browser.start_task(0), "succeeded", seconds=60)
    return browser
