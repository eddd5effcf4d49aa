"""Jobs at an earlier commit: a separate stack from a copy of that commit's files."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.environments import BEFORE_FOLDER, FOLDER, ROOT
from bench.stack import Stack
from project.config import Settings

# Prints the settings of its stack, and keeps the stack running until standard input closes.
HOLD = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"


def find_commit(name: str) -> str:
    """Return the short name of a commit; ValueError if there is no such commit."""
    command = ["git", "rev-parse", "--short", "--verify", "--quiet", f"{name}^{{commit}}"]
    found = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode:
        raise ValueError(f"There is no commit {name} here.")
    return found.stdout.strip()


@contextmanager
def earlier_stack(commit: str) -> Iterator[Stack]:
    """Run that commit's servers and programs, with our environment's Python, while the block lasts.

    Both stacks have separate servers, so they share no queue, key or channel.
    """
    _check_out(commit)
    (FOLDER / "logs").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "deploy.native", "exec", "--", sys.executable, "-c", HOLD]
    with (
        (FOLDER / "logs" / "before.log").open("ab") as log,
        subprocess.Popen(
            command,
            cwd=BEFORE_FOLDER,
            env={**os.environ, "PYTHONPATH": str(BEFORE_FOLDER)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process,
    ):
        # The end of the block closes the command's standard input, and waits for its end.
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise OSError(f"The stack of {commit} did not start: see {log.name}.")
        yield _as_stack(json.loads(line))


def _check_out(commit: str) -> None:
    """Copy the commit's files, and of ours only the kind that the commit lacks."""
    shutil.rmtree(BEFORE_FOLDER, ignore_errors=True)
    BEFORE_FOLDER.mkdir(parents=True)
    files = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True
    ).stdout
    subprocess.run(["tar", "--extract", "--directory", BEFORE_FOLDER], input=files, check=True)
    naps = BEFORE_FOLDER / "bench" / "naps.py"
    if not naps.exists():
        shutil.copy(ROOT / "bench" / "naps.py", naps)


def _as_stack(environment: dict[str, str]) -> Stack:
    """Return a stack with the settings that differ from ours."""
    changed = {
        name: value
        for name, value in environment.items()
        if name.startswith(("JOBS_", "PYTHONPATH")) and value != os.environ.get(name)
    }
    values = {
        name.removeprefix("JOBS_").lower(): value
        for name, value in changed.items()
        if name.startswith("JOBS_")
    }
    return Stack(Settings(**values), changed)  # type: ignore[arg-type]  # they are read as variables are
