"""Creates the files of a new kind: its module, its test, and its entry in `project/jobs`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

from project.errors import InvalidInputError

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class NewKind:
    """The kind to create."""

    name: str
    title: str
    queue: str

    @property
    def module(self) -> str:
        """The module's name: `picture_resize` for the kind `picture.resize`."""
        return self.name.replace(".", "_")

    @property
    def model(self) -> str:
        """The name of its parameters' model."""
        return "".join(part.capitalize() for part in self.module.split("_")) + "Parameters"


def make_kind(root: Path, kind: NewKind) -> list[Path]:
    """Write the files below the project's folder and return their paths.

    InvalidInputError if the name is invalid or taken.
    """
    if not _NAME.fullmatch(kind.name):
        raise InvalidInputError(
            f"{kind.name!r} is not a valid name: use lower-case letters, digits and _, with dots "
            "between parts, as in picture.resize."
        )
    listing = root / "project/jobs/__init__.py"
    files = {
        root / f"project/jobs/{kind.module}.py": _fill("kind.txt", kind),
        root / f"tests/unit/test_{kind.module}.py": _fill("test.txt", kind),
    }
    for path in files:
        if path.exists():
            raise InvalidInputError(f"The file {path.relative_to(root)} already exists.")
    listed = add_to_list(listing.read_text(), kind)
    for path, text in files.items():
        path.write_text(text)
    listing.write_text(listed)
    return [*files, listing]


def add_to_list(text: str, kind: NewKind) -> str:
    """The text of `project/jobs/__init__.py` with one more kind."""
    line = f"from project.jobs.{kind.module} import {kind.module}"
    imports = [row for row in text.splitlines() if row.startswith("from project.jobs.")]
    after = max((row for row in imports if row < line), default="")
    with_import = text.replace(f"{after}\n", f"{after}\n{line}\n", 1) if after else text
    start = with_import.index("for kind in (")
    end = with_import.index("        )\n", start)
    return f"{with_import[:end]}            {kind.module},\n{with_import[end:]}"


def _fill(name: str, kind: NewKind) -> str:
    return Template((_TEMPLATES / name).read_text()).substitute(
        name=kind.name,
        title=kind.title,
        queue=kind.queue,
        module=kind.module,
        model=kind.model,
    )


def list_names(paths: list[Path], root: Path) -> Iterator[str]:
    """The paths relative to the project's folder."""
    for path in paths:
        yield str(path.relative_to(root))
