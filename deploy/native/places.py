"""The folders of a native stack, and its control socket."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A Unix socket's path may have 107 bytes; supervisord first binds it with its process id appended.
LONGEST_SOCKET_PATH = 107 - len(".4194304")


class UnsafeFolderError(Exception):
    """The folder for the control socket belongs to another user."""


@dataclass(frozen=True)
class Places:
    """Where a stack keeps its files."""

    data: Path
    logs: Path

    @property
    def supervisor(self) -> Path:
        """supervisord's own log, and each program's output."""
        return self.data / "supervisor"

    @property
    def rabbitmq(self) -> Path:
        """RabbitMQ's configuration, cookie and database."""
        return self.data / "rabbitmq"

    @property
    def redis(self) -> Path:
        """Redis's configuration and its append-only files."""
        return self.data / "redis"

    @property
    def lock(self) -> Path:
        """The lock file, held by the only launcher of this data folder."""
        return self.supervisor / "launcher.lock"

    @property
    def socket(self) -> Path:
        """supervisord's control socket: in the data folder or, if that is too deep, under /tmp."""
        near = self.supervisor / "supervisor.sock"
        if len(os.fsencode(near)) <= LONGEST_SOCKET_PATH:
            return near
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return _private_temporary_folder() / f"{digest}.sock"

    def program_log(self, program: str) -> Path:
        """Return the file with the program's output."""
        return self.supervisor / f"{program}.log"

    def make(self) -> None:
        """Make the folders; those with secrets are accessible to their owner only."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(parents=True, exist_ok=True)
        for folder in (self.supervisor, self.rabbitmq, self.redis):
            folder.mkdir(mode=0o700, exist_ok=True)
        if self.socket.parent != self.supervisor:
            _make_private(self.socket.parent)


def _private_temporary_folder() -> Path:
    return Path(f"/tmp/jobs-{os.getuid()}")  # noqa: S108 - `_make_private` checks whose it is


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    is_private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
    if found.st_uid != os.getuid() or not is_private:
        raise UnsafeFolderError(
            f"{folder} is not your private folder: remove it, or clone into a shorter path."
        )
