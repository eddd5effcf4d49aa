"""A wall clock that can be moved for all programs of one stack, and for nothing else.

The programs load `clock.c`, which needs a C compiler. Without one there is no such trouble.
"""

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
COMPILER = "cc"


@dataclass(frozen=True)
class Clock:
    """The clock of a stack whose data is in the folder."""

    folder: Path

    @staticmethod
    def is_possible() -> bool:
        """Whether this machine can compile the part that the programs load."""
        return shutil.which(COMPILER) is not None

    def make(self) -> dict[str, str]:
        """Make it, showing the true time; the environment that the programs need."""
        self.move(0)
        library = self.folder / "clock.so"
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O2", "-o", library, SOURCE], check=True)
        return {"LD_PRELOAD": str(library), "FAULTS_CLOCK": str(self._offset)}

    def move(self, seconds: int) -> None:
        """From now on it is so many seconds ahead of the true time; it may be behind."""
        # Written in place: the programs have mapped this very file.
        with self._offset.open("r+b" if self._offset.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))

    @property
    def _offset(self) -> Path:
        return self.folder / "clock"
