"""The process that works on pictures (`project.pixels`), as a job sees it: it asks, and ends it."""

import json
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from project.errors import PermanentError, TemporaryError

ROOT = Path(__file__).parents[3]
CHECK_SECONDS = 0.2
"""So often, while it works, the job looks whether it was cancelled."""


class PictureProcess:
    """Answers one request after the other; one that has ended is started again for the next.

    Its environment is empty: no secret of ours is in there. `check` may raise, which ends it.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._forget(self._process)

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """What it has done; PermanentError where the picture is at fault."""
        process = self._process or self._start()
        answer = self._exchange(process, json.dumps({"do": do, **values}))
        if "refused" in answer:
            raise PermanentError(answer["refused"])
        done: dict[str, Any] = answer["done"]
        return done

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "project.pixels"],
            cwd=ROOT,
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what a library says there is of no use to anybody
            bufsize=0,  # nothing is left to be written when it has ended
        )
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], request: str) -> dict[str, Any]:
        try:
            cast(IO[bytes], process.stdin).write(f"{request}\n".encode())
        except BrokenPipeError:
            raise self._explain_end(process) from None
        output = cast(IO[bytes], process.stdout)
        while not select.select([output], [], [], CHECK_SECONDS)[0]:
            self._check()
        line = output.readline()  # it writes a line at once
        if not line:
            raise self._explain_end(process)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _explain_end(self, process: subprocess.Popen[bytes]) -> PermanentError | TemporaryError:
        """Why it has ended, by its exit status."""
        code = self._forget(process)
        if code == -signal.SIGXCPU:
            return PermanentError("The picture takes too long to be read: save it anew.")
        if code == -signal.SIGKILL or code >= 0:  # the system lacked memory, or it could not start
            return TemporaryError(f"The process that works on pictures ended with status {code}.")
        return PermanentError("The picture is damaged: it cannot be read.")

    def _forget(self, process: subprocess.Popen[bytes]) -> int:
        self._process = None
        with process:  # closes its pipes and waits for it
            return process.wait()
