"""Many processes write one log file, which is rotated all the time; some are killed by -9.

    python -m tests.faults.log_writers --writers 8 --lines 25000 --kills 12

A line is acknowledged when `LogFile.write` has returned; its writer then notes its number in memory
that outlives it. At the end every acknowledged line must be in one of the files, once and whole.
"""

import argparse
import mmap
import multiprocessing
import os
import random
import signal
import struct
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import orjson

from project.observability.sink import LogFile, Rotation

LONGEST_LINE = 200_000
_SLOT = struct.Struct("q")
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Plan:
    """What is written."""

    folder: Path
    writers: int = 8
    lines: int = 25_000
    kills: int = 1
    max_bytes: int = 32 * 1024 * 1024
    long_share: float = 0.04
    """How many lines are long, of 1; the others are about as long as ours are."""

    @property
    def path(self) -> Path:
        """The file that all write."""
        return self.folder / "web.host.jsonl"


@dataclass(frozen=True)
class Verdict:
    """What was found."""

    acknowledged: int
    lost: int
    repeated: int
    torn: int
    blank: int
    """What killed writers had begun, made blank."""
    unacknowledged: int
    """Lines that are whole although their writer was killed before it knew."""
    rotations: int
    kills: int

    @property
    def is_good(self) -> bool:
        """Whether every acknowledged line is there once, and every line is whole."""
        return not (self.lost or self.repeated or self.torn)


class Acknowledgements:
    """How many lines each writer has written, in memory that all processes share."""

    def __init__(self, writers: int) -> None:
        self._memory = mmap.mmap(-1, writers * _SLOT.size)

    def __getitem__(self, writer: int) -> int:
        return int(_SLOT.unpack_from(self._memory, writer * _SLOT.size)[0])

    def __setitem__(self, writer: int, count: int) -> None:
        _SLOT.pack_into(self._memory, writer * _SLOT.size, count)


def run(plan: Plan) -> Verdict:
    """Write all of it, and count."""
    done = Acknowledgements(plan.writers)
    ends = _plan_ends(plan)
    running = {writer: _start(plan, done, writer) for writer in range(plan.writers)}
    killed = 0
    while running:
        wait([process.sentinel for process in running.values()], timeout=0.001)
        for writer, process in list(running.items()):
            if ends[writer] and done[writer] > ends[writer][0]:
                ends[writer].pop(0)
                process.kill()
                process.join()
                killed += process.exitcode == -signal.SIGKILL
                running[writer] = _start(plan, done, writer)
            elif process.exitcode is not None:
                del running[writer]
    LogFile(plan.path).write(b'{"last":true}\n')  # the last one may be one that was killed
    return _judge(plan, done, killed)


def _plan_ends(plan: Plan) -> dict[int, list[int]]:
    """After which of its lines each writer is killed."""
    ends: dict[int, list[int]] = {writer: [] for writer in range(plan.writers)}
    for number in range(plan.kills):
        ends[number % plan.writers].append((1 + number) * plan.lines // (plan.kills + 2))
    return ends


def _start(plan: Plan, done: Acknowledgements, writer: int) -> Any:
    process = _FORK.Process(target=_write, args=(plan, done, writer), daemon=True)
    process.start()
    return process


def _write(plan: Plan, done: Acknowledgements, writer: int) -> None:
    """One writer's lines, from the first that is not acknowledged on.

    A successor begins with another sign: the line its predecessor was killed at may be there.
    """
    file = LogFile(plan.path, Rotation(plan.max_bytes, kept=10**6))
    chance = random.Random(writer)  # noqa: S311 - it makes lengths, no secrets
    life = os.getpid()
    padding = "x" * LONGEST_LINE
    for number in range(done[writer], plan.lines):
        length = (
            chance.randrange(LONGEST_LINE)
            if chance.random() < plan.long_share
            else chance.randrange(900)
        )
        file.write(
            orjson.dumps(
                {"@timestamp": f"{datetime.now(UTC):%FT%T.%fZ}", "w": writer, "n": number}
                | {"life": life, "padding": padding[:length]},
                option=orjson.OPT_APPEND_NEWLINE,
            )
        )
        done[writer] = number + 1


def _judge(plan: Plan, done: Acknowledgements, killed: int) -> Verdict:
    found: Counter[tuple[int, int]] = Counter()
    lives: dict[tuple[int, int], set[int]] = {}
    torn = blank = 0
    files = sorted(plan.folder.iterdir())
    for path in files:
        for line in path.read_bytes().splitlines():
            if not line.strip():
                blank += 1
                continue
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError:
                torn += 1
                continue
            if "w" in document:
                key = (document["w"], document["n"])
                found[key] += 1
                lives.setdefault(key, set()).add(document["life"])
    wanted = {(w, n) for w in range(plan.writers) for n in range(done[w])}
    twice = {key for key, count in found.items() if count > 1}
    # Written by one that was killed before it could say so, and again by its successor.
    unacknowledged = {key for key in twice if found[key] == len(lives[key])}
    return Verdict(
        acknowledged=len(wanted),
        lost=len(wanted - found.keys()),
        repeated=len(twice - unacknowledged),
        torn=torn,
        blank=blank,
        unacknowledged=len(unacknowledged),
        rotations=len(files) - 1,
        kills=killed,
    )


def main() -> int:
    """Run by hand, with figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--lines", type=int, default=25_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--long-share", type=float, default=0.04)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        verdict = run(Plan(Path(folder), **vars(arguments)))
    sys.stdout.write(f"{verdict}\n")
    return 0 if verdict.is_good and verdict.rotations >= 20 else 1


if __name__ == "__main__":
    sys.exit(main())
