"""Starts, uses and ends the process that works on pictures (`project.pixels`)."""

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
"""How often the job checks whether it was cancelled while the process works."""


class PictureProcess:
    """A process that answers one request at a time; if it has ended, the next request restarts it.

    Its environment is empty, so it holds no secret. If `check` raises, the process is ended.
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
        """Send a request and return its result; PermanentError if the picture is at fault."""
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
            stderr=subprocess.DEVNULL,  # only messages of libraries, which help nobody
            bufsize=0,  # so that nothing is left to write when it has ended
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
        line = output.readline()  # it writes whole lines
        if not line:
            raise self._explain_end(process)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _explain_end(self, process: subprocess.Popen[bytes]) -> PermanentError | TemporaryError:
        """The error for an ended process, by its exit status."""
        code = self._forget(process)
        if code == -signal.SIGXCPU:
            return PermanentError(
                "The picture takes too long to read: save it again with another program."
            )
        if (
            code == -signal.SIGKILL or code >= 0
        ):  # the system ran out of memory, or it could not start
            return TemporaryError(f"The process that works on pictures ended with status {code}.")
        return PermanentError("The picture is damaged and cannot be read.")

    def _forget(self, process: subprocess.Popen[bytes]) -> int:
        self._process = None
        with process:  # closes its pipes and waits for it
            return process.wait()
