"""README's "Add a kind in five minutes", followed word by word in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HEADING = "## Add a kind in five minutes"
STEP_SECONDS = 300
_BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)
_PATH = re.compile(r"`((?:project|tests)/[\w/]+\.py)`")


def section() -> str:
    text = (ROOT / "README.md").read_text()
    start = text.index(HEADING)
    return text[start : text.index("\n## ", start + 1)]


def blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """Each block's language and content, and the file that was named last before it."""
    for match in _BLOCK.finditer(text):
        named = _PATH.findall(text[: match.start()])
        yield match[1], match[2], named[-1] if named else ""


def commands(content: str) -> list[str]:
    return [line.removeprefix("$ ") for line in content.splitlines() if line.startswith("$ ")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's files as they are, and this environment in the place of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)  # with its mode: some are programs
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def run(folder: Path, command: str) -> str:
    """What the command prints; it must succeed."""
    outside = {name: text for name, text in os.environ.items() if not name.startswith("JOBS_")}
    environment = {
        **outside,
        "PATH": f"{folder}/.venv/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.timeout(1200)  # each of its steps has a time of its own
def test_recipe_works_as_it_is_written(copy: Path) -> None:
    """`make run` goes on until it is stopped: what comes after it runs beside such a stack."""
    is_running, seen = False, ""
    for language, content, path in blocks(section()):
        if language == "python":
            assert (copy / path).exists(), f"the step before has not made {path}"
            (copy / path).write_text(content)
            continue
        for command in commands(content):
            if command == "make run":
                is_running = True
            elif is_running:
                quoted = command.replace("'", "'\\''")
                seen += run(copy, f"python -m deploy.native exec -- bash -c '{quoted}'")
            else:
                seen += run(copy, command)

    assert is_running
    assert "2 passed" in seen
    assert '"status": "succeeded"' in seen
    assert "different ones" in seen


def test_files_that_the_generator_makes_are_a_working_kind(copy: Path) -> None:
    made = run(copy, "python -m project new picture.resize --queue long").split()

    assert made[:2] == ["project/jobs/picture_resize.py", "tests/unit/test_picture_resize.py"]
    assert "2 passed" in run(copy, "pytest -p no:cacheprovider tests/unit/test_picture_resize.py")
    assert "picture.resize" in run(copy, "python -m project kinds")
    run(copy, f"ruff check --config .ci/ruff.toml {' '.join(made)}")
    run(copy, f"ruff format --check --config .ci/ruff.toml {' '.join(made)}")
    run(copy, "mypy --no-incremental project/jobs/picture_resize.py")


@pytest.mark.parametrize("name", ["Resize", "picture..resize", "9lives", "../evil", "create_task"])
def test_generator_refuses_a_name_that_cannot_be(copy: Path, name: str) -> None:
    listing = (copy / "project/jobs/__init__.py").read_text()

    with pytest.raises(AssertionError, match=r"is not a valid name|already exists"):
        run(copy, f"python -m project new '{name}'")

    assert (copy / "project/jobs/__init__.py").read_text() == listing
