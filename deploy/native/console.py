"""Progress lines for a person, and the signals with which that person ends a run."""

import signal
import threading
from types import FrameType
from typing import TextIO


class Console:
    """Writes progress lines; a terminal that has gone away is no reason to stop stopping."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str) -> None:
        """Write a line at once."""
        try:
            print(text, file=self._stream, flush=True)
        except (OSError, ValueError):
            # The terminal was closed (EIO) or the pipe's reader ended: go on silently.
            return

    def show_step(self, name: str, outcome: str) -> None:
        """Write one step's outcome, aligned with the others."""
        self.say(f"  {name:<13} {outcome}")


class Interruption:
    """Ctrl-C, SIGTERM, or a closed terminal: noted here, acted on where it is safe."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self.signal: signal.Signals | None = None

    def install(self) -> None:
        """Note the signals from now on, instead of dying of them."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup, SIGHUP is ignored on purpose: leave it so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    def is_requested(self) -> bool:
        """Whether the run is to end."""
        return self._requested.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the run is to end; returns whether it is."""
        return self._requested.wait(seconds)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number)
        self._requested.set()
