"""Packages that are left out while something else is imported."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from project.import_blocking import block_imports

PACKAGE = "a_package_for_few"


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package can be imported, and has not been."""
    (tmp_path / f"{PACKAGE}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop(PACKAGE, None)


def test_package_is_absent_inside_and_there_again_after() -> None:
    with block_imports(PACKAGE), pytest.raises(ImportError):
        import_module(PACKAGE)

    assert import_module(PACKAGE)


def test_package_that_is_loaded_already_stays() -> None:
    package = import_module(PACKAGE)

    with block_imports(PACKAGE):
        assert import_module(PACKAGE) is package
    assert import_module(PACKAGE) is package


def test_package_is_there_again_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), block_imports(PACKAGE):
        raise ZeroDivisionError

    assert import_module(PACKAGE)
