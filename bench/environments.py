"""The systems' Python environments, below data/bench: one for each list in `requirements/`.

`uv` makes them from pinned lists with hashes, and leaves up-to-date ones alone. To renew a list:

`uv pip compile --python-version 3.11 --generate-hashes --no-annotate --no-header -o X.txt X.in`.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LISTS = Path(__file__).parent / "requirements"
FOLDER = ROOT / "data" / "bench"
OURS = "jobs"
"""The name of the project's own environment."""
BEFORE = "jobs-before"
"""The same environment, for programs of an earlier commit, which run in a folder with its files."""
BEFORE_FOLDER = FOLDER / "before"


def find_program(environment: str, program: str) -> str:
    """Return the path of that environment's program."""
    folder = Path(sys.prefix) if environment in (OURS, BEFORE) else FOLDER / environment
    return str(folder / "bin" / program)


def find_folder(environment: str) -> Path:
    """Return the folder to start its programs in: imports look there first."""
    return BEFORE_FOLDER if environment == BEFORE else ROOT


def make_environment(name: str) -> None:
    """Make the environment, unless it exists and was made from the current list."""
    if name in (OURS, BEFORE):
        return
    pinned, folder = LISTS / f"{name}.txt", FOLDER / name
    digest = hashlib.sha256(pinned.read_bytes()).hexdigest()
    stamp = folder / ".made-from"
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Making the environment {name} ...", flush=True)
    _uv("venv", "--clear", "--python", sys.executable, folder)
    _uv("pip", "sync", "--python", folder / "bin" / "python", pinned)
    stamp.write_text(digest)


def list_versions(name: str) -> dict[str, str]:
    """Return package versions as the environment's list pins them."""
    lines = (LISTS / f"{name}.txt").read_text().splitlines()
    return dict(line.removesuffix(" \\").split("==") for line in lines if "==" in line)


def _uv(*arguments: str | Path) -> None:
    subprocess.run([Path(sys.prefix) / "bin" / "uv", "--quiet", *arguments], check=True)
