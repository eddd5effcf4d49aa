"""One stack for all fault tests of a process; each test leaves it whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bench import Bench
from tests.faults.stack import Stack, running

# Starting a stack may take minutes on a slow machine, and so may a server's restart.
SECONDS = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/faults/" in item.nodeid:
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with running(folder, JOBS_EXTRA_KINDS="tests.faults.kinds") as stack:
        yield stack


@pytest.fixture
def bench(stack: Stack, tmp_path: Path) -> Bench:
    """The web server's requests so far have left open connections to the servers."""
    bench = Bench(stack, tmp_path)
    for _ in range(3):
        bench.do_one()
    return bench
