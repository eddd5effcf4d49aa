"""Sends each new child of a process a signal in the first moments of its life.

`python -m tests.integration.isolated.hunter PID COUNT SIGNALS`: a program of its own, because it
looks all the time, and a thread of the tests would have to wait for the others. At its end it
prints a line for each child that it has hit: its pid, the signal, and after how many microseconds.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

LONGEST_SECONDS = 240
DELAYS_MICROSECONDS = (0, 0, 0, 100, 0, 300, 1_000, 0, 3_000, 10_000, 0)
"""Most are hit at once; some a little later, when they are nearly themselves."""

_MOST_BYTES = 65536


def main() -> None:
    """Hunt until so many were hit."""
    pid, count, signals = sys.argv[1:]
    numbers, delays = cycle(map(int, signals.split(","))), cycle(DELAYS_MICROSECONDS)
    newborn = _find_newborn(int(pid))
    hits = []
    for _ in range(int(count)):
        child, number, delay = next(newborn), next(numbers), next(delays)
        _idle(delay)
        with suppress(ProcessLookupError):
            os.kill(child, number)
            hits.append(f"{child} {signal.Signals(number).name} {delay}")
    print("\n".join(hits))  # noqa: T201


def _find_newborn(pid: int) -> Iterator[int]:
    """The children that come from now on."""
    # Each thread has its own, in a file that is made anew whenever it is read from its beginning.
    lists = [
        os.open(task / "children", os.O_RDONLY) for task in Path(f"/proc/{pid}/task").iterdir()
    ]
    texts = [os.pread(file, _MOST_BYTES, 0) for file in lists]
    print("ready", flush=True)  # noqa: T201
    give_up_at = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < give_up_at:
        for index, file in enumerate(lists):
            text = os.pread(file, _MOST_BYTES, 0)
            if text != texts[index]:
                yield from sorted({*map(int, text.split())} - {*map(int, texts[index].split())})
                texts[index] = text
    raise SystemExit("too few children")


def _idle(microseconds: int) -> None:
    """Without sleep(2), which takes longer than what is wanted."""
    until = time.perf_counter_ns() + microseconds * 1000
    while time.perf_counter_ns() < until:
        pass


if __name__ == "__main__":
    main()
