"""Makes the files of a new kind of job: its module, its test, and its line in `project/jobs`."""

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
    """What is to be made."""

    name: str
    title: str
    queue: str

    @property
    def module(self) -> str:
        """`picture.resize` is in the module `picture_resize`."""
        return self.name.replace(".", "_")

    @property
    def model(self) -> str:
        """The name of its parameters' model."""
        return "".join(part.capitalize() for part in self.module.split("_")) + "Parameters"


def make_kind(root: Path, kind: NewKind) -> list[Path]:
    """Write the files below the project's folder; their paths.

    InvalidInputError where the name cannot be, or is taken.
    """
    if not _NAME.fullmatch(kind.name):
        raise InvalidInputError(
            f"{kind.name!r} is no name: small letters, digits and _, parts with dots between."
        )
    listing = root / "project/jobs/__init__.py"
    files = {
        root / f"project/jobs/{kind.module}.py": _fill("kind.txt", kind),
        root / f"tests/unit/test_{kind.module}.py": _fill("test.txt", kind),
    }
    for path in files:
        if path.exists():
            raise InvalidInputError(f"There is a file {path.relative_to(root)} already.")
    listed = add_to_list(listing.read_text(), kind)
    for path, text in files.items():
        path.write_text(text)
    listing.write_text(listed)
    return [*files, listing]


def add_to_list(text: str, kind: NewKind) -> str:
    """The text of `project/jobs` with one kind more."""
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
    """The paths as a person at the project's folder would type them."""
    for path in paths:
        yield str(path.relative_to(root))
