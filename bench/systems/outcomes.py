"""Counts the outcome lines that a worker writes from a moment on, across log rotations."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = b'"job_finished"'


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Where a role's log files ended, by inode: a rotated file keeps its inode."""

    folder: Path
    role: str
    ends: dict[int, int]

    @classmethod
    def from_now_on(cls, folder: Path, role: str) -> "Outcomes":
        """Start counting the lines written from now on."""
        return cls(
            folder, role, {path.stat().st_ino: path.stat().st_size for path in _files(folder, role)}
        )

    def count(self) -> int:
        """Count the outcome lines so far."""
        return sum(self._count(path) for path in _files(self.folder, self.role))

    def _count(self, path: Path) -> int:
        with path.open("rb") as file:
            file.seek(self.ends.get(path.stat().st_ino, 0))
            return sum(MARK in line for line in file)


def _files(folder: Path, role: str) -> Iterator[Path]:
    return folder.glob(f"{role}.*.jsonl*")
