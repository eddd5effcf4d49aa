"""Which Python the installer takes: its functions are called with interpreters of the tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy/native/install"
# A wrapper's own `sitecustomize` makes this Python behave as another one would.
LETS_HEADERS_IN = """
from email.message import EmailMessage
EmailMessage.as_bytes = lambda self, *args, **more: b"Subject: a\\r\\nB: c\\r\\n\\r\\n"
"""
REFUSES_HEADERS = """
from email.message import EmailMessage
def refuse(self, name, value):
    raise ValueError("no line break in a header")
EmailMessage.__setitem__ = refuse
"""
TOO_OLD = "import sys; sys.version_info = (3, 10, 13)"
WITHOUT_VENV = "import sys; sys.modules['ensurepip'] = None"


class Clone:
    """A folder with the installer in it, and interpreters that behave as told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "deploy/native/install"
        self.script.parent.mkdir(parents=True)
        shutil.copy(SCRIPT, self.script)

    def make_python(self, name: str, behaviour: str = "") -> str:
        """The path of one."""
        path = self.folder / name
        custom = self.folder / f"{path.name}-behaviour"
        custom.mkdir()
        (custom / "sitecustomize.py").write_text(behaviour)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\nPYTHONPATH="{custom}" exec "{sys.executable}" "$@"\n')
        path.chmod(0o755)
        return str(path)

    def call(self, commands: str) -> subprocess.CompletedProcess[str]:
        """What the script's functions print."""
        return subprocess.run(
            ["bash", "-c", f'source "{self.script}"; {commands}'],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def choose(self, *pythons: str) -> subprocess.CompletedProcess[str]:
        """The Python that is found among these."""
        return self.call(f'PYTHONS=({" ".join(pythons)}); find_python; echo "$python"')


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.mark.parametrize("behaviour", [LETS_HEADERS_IN, TOO_OLD, "raise SystemExit(1)"])
def test_python_that_will_not_do_is_passed_over(clone: Clone, behaviour: str) -> None:
    first, second = clone.make_python("first", behaviour), clone.make_python("second")

    assert clone.choose(first, "no-such-python", second).stdout.split() == [second]


def test_python_whose_mail_headers_refuse_line_breaks_is_taken(clone: Clone) -> None:
    strict = clone.make_python("strict", REFUSES_HEADERS)

    assert clone.choose(strict).stdout.split() == [strict]


def test_environment_of_an_unsafe_python_is_passed_over_too(clone: Clone) -> None:
    clone.make_python(".venv/bin/python", LETS_HEADERS_IN)
    version = "{}.{}".format(*sys.version_info)
    (clone.folder / f".venv/lib/python{version}").mkdir(parents=True)
    other = clone.make_python("other")

    assert clone.choose(".venv/bin/python", other).stdout.split() == [other]


def test_machine_with_unsafe_pythons_alone_is_told_what_to_do(clone: Clone) -> None:
    unsafe = clone.make_python("unsafe", LETS_HEADERS_IN)

    result = clone.choose(clone.make_python("old", TOO_OLD), unsafe)

    assert result.returncode == 1
    assert result.stdout == ""
    (sentence,) = result.stderr.splitlines()
    assert f"({unsafe}) lets a mail's subject add headers" in sentence
    assert "update Python (Debian 12: apt-get upgrade; else 3.11.10" in sentence


def test_systems_python_is_tried_after_the_first_on_the_path(clone: Clone) -> None:
    candidates = clone.call('printf "%s\\n" "${PYTHONS[@]}"').stdout.split()

    assert candidates[:3] == [".venv/bin/python", "python3", "/usr/bin/python3"]


def test_missing_package_is_that_of_the_chosen_python(clone: Clone) -> None:
    bare = clone.make_python("bare", WITHOUT_VENV)

    result = clone.call(f'python="{bare}" wants_services=no; list_missing_packages')

    assert result.stdout.split() == ["python{}.{}-venv".format(*sys.version_info)]
