"""A Python that has only what some locks hold, without downloading anything."""

import json
import re
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / "deploy/requirements"

# Python imports `sitecustomize` at its start. A module that is None there cannot be imported.
_HIDE = """
import json, sys
from pathlib import Path

names = json.loads(Path(__file__).with_name("hidden.json").read_text())
sys.modules.update((name, None) for name in names if name not in sys.modules)
"""


def hide_all_but(folder: Path, *locks: str) -> dict[str, str]:
    """Environment variables of a process, and of those that it starts, with these locks' packages.

    `locks` are names of `deploy/requirements`; the engine's is always one of them.
    """
    kept = {package for lock in ("engine", *locks) for package in list_packages(lock)}
    hidden = [
        module
        for module, packages in packages_distributions().items()
        if kept.isdisjoint(map(canonicalize_name, packages))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_HIDE)
    (folder / "hidden.json").write_text(json.dumps(hidden))
    return {"PYTHONPATH": str(folder)}


def list_packages(lock: str) -> list[str]:
    """The names of the packages in a lock."""
    text = (LOCKS / f"{lock}.txt").read_text()
    return re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
