"""Progress lines for the user, and the signals with which the user ends a run."""

import signal
import threading
from types import FrameType
from typing import TextIO


class Console:
    """Writes progress lines; a closed terminal does not keep the stack from stopping."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str) -> None:
        """Write a line, and flush it."""
        try:
            print(text, file=self._stream, flush=True)
        except (OSError, ValueError):
            # The terminal was closed (EIO) or the pipe's reader ended: continue silently.
            return

    def show_step(self, name: str, outcome: str) -> None:
        """Write a step's outcome, aligned with the others."""
        self.say(f"  {name:<13} {outcome}")


class Interruption:
    """Records Ctrl-C, SIGTERM or a closed terminal, to act on it where that is safe."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self.signal: signal.Signals | None = None

    def install(self) -> None:
        """Record the signals from now on, instead of ending at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup, SIGHUP is ignored on purpose: leave it so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    def is_requested(self) -> bool:
        """Whether the run should end."""
        return self._requested.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for that time, or until the run should end; return whether it should."""
        return self._requested.wait(seconds)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number)
        self._requested.set()
