"""What a worker process is doing, in memory that it shares with the worker's main process.

The process writes what it runs, at every job; the main process reads that when somebody asks, and
to enforce time limits. So no message passes between them for a job. What the main process wants of
the process stands there, too: which job a signal is meant for.

Each side writes fields of its own. The process counts its writes before and after (a sequence
lock), so that the main process sees when it has read half of one.
"""

import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from project.worker.engine.delivery import Delivery

_BYTES = 192 * 1024
"""Room for the longest headers (128 KiB) and most bodies. Pages that nobody writes take none."""
_RUN = struct.Struct("=QQdddII")
"""Sequence, token, begun at, soft limit, hard limit; bytes of the header frame and of the body."""
_DONE = struct.Struct("=QII")
"""Jobs done, messages held, whether it consumes."""
_TARGET = struct.Struct("=QBB")
"""Token that a soft limit is meant for; whether events are wanted; whether jobs are to go back."""

_RUN_AT = 0
_DONE_AT = 64
_TARGET_AT = 128
_ROUTE_AT = 192
_MESSAGE_AT = 1024
_ROOM = _BYTES - _MESSAGE_AT
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Run:
    """The job that a process runs, as its slot says."""

    token: int
    """Counts the messages that the process has begun with."""
    begun_at: float
    """Reading of `monotonic`, which all processes of a machine share."""
    soft_limit_seconds: float
    hard_limit_seconds: float
    """0: none."""
    deliver: bytes
    header: bytes
    body: bytes
    """As they came; empty where they are too long for the slot."""


class Slot:
    """One process's place. It is made before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)
        self._sequence = 0
        self.token = 0
        """Of the message that the process runs, or has run last."""

    # ── The process's side ─────────────────────────────────────────────────────────────────────

    def begin(
        self, delivery: Delivery, soft_limit_seconds: float, hard_limit_seconds: float
    ) -> None:
        """The process begins with a message."""
        self.token += 1
        header, body = delivery.raw_header, delivery.raw_body
        deliver = delivery.raw_deliver
        if len(deliver) + len(header) > _ROOM:
            header = b""
        if len(deliver) + len(header) + len(body) > _ROOM:
            body = b""
        memory, start = self._memory, _MESSAGE_AT
        self._sequence += 1
        _RUN.pack_into(memory, _RUN_AT, self._sequence, 0, 0, 0, 0, 0, 0)
        for part in (deliver, header, body):
            end = start + len(part)
            memory[start:end] = part
            start = end
        struct.pack_into("=H", memory, _ROUTE_AT, len(deliver))
        self._sequence += 1
        _RUN.pack_into(
            memory,
            _RUN_AT,
            self._sequence,
            self.token,
            monotonic(),
            soft_limit_seconds,
            hard_limit_seconds,
            len(header),
            len(body),
        )

    def end(self, done: int) -> None:
        """It is done with it; `done`: messages that the process has dealt with."""
        self._sequence += 2
        _RUN.pack_into(self._memory, _RUN_AT, self._sequence, 0, 0, 0, 0, 0, 0)
        struct.pack_into("=Q", self._memory, _DONE_AT, done)

    def is_meant(self) -> bool:
        """Whether the main process's signal is meant for what runs now."""
        return _TARGET.unpack_from(self._memory, _TARGET_AT)[0] in {0, self.token}

    @property
    def is_watched(self) -> bool:
        """Whether anybody wants events of jobs: Flower, say."""
        return bool(self._memory[_TARGET_AT + 8])

    @property
    def rings(self) -> int:
        """Changes when the main process has sent an order."""
        return self._memory[_TARGET_AT + 10]

    @property
    def is_to_put_back(self) -> bool:
        """Whether the worker stops now: what runs goes back to its queue."""
        return bool(self._memory[_TARGET_AT + 9])

    # ── The main process's side ────────────────────────────────────────────────────────────────

    def read(self) -> Run | None:
        """What the process runs; None: nothing."""
        for _ in range(_TRIES):
            sequence, token, begun_at, soft, hard, header, body = _RUN.unpack_from(self._memory)
            if sequence % 2:
                continue
            if not token:
                return None
            (deliver,) = struct.unpack_from("=H", self._memory, _ROUTE_AT)
            parts = self._parts((deliver, header, body))
            if _RUN.unpack_from(self._memory)[0] == sequence:
                return Run(token, begun_at, soft, hard, *parts)
        return None

    def _parts(self, sizes: Sequence[int]) -> list[bytes]:
        parts, start = [], _MESSAGE_AT
        for size in sizes:
            parts.append(self._memory[start : start + size])
            start += size
        return parts

    @property
    def running(self) -> int:
        """Token of what it runs; 0: nothing."""
        token: int = _RUN.unpack_from(self._memory)[1]
        return token

    @property
    def done(self) -> int:
        """Messages that it has dealt with."""
        done: int = struct.unpack_from("=Q", self._memory, _DONE_AT)[0]
        return done

    def aim(self, token: int) -> None:
        """The next signal is meant for that one; 0: for whatever runs."""
        struct.pack_into("=Q", self._memory, _TARGET_AT, token)

    @property
    def target(self) -> int:
        """Token that was aimed at."""
        token: int = struct.unpack_from("=Q", self._memory, _TARGET_AT)[0]
        return token

    def watch(self, is_watched: bool) -> None:
        """Whether the process is to tell of its jobs' events."""
        self._memory[_TARGET_AT + 8] = is_watched

    def ring(self) -> None:
        """An order has been sent."""
        self._memory[_TARGET_AT + 10] = (self.rings + 1) % 256

    def put_back(self) -> None:
        """The worker stops now."""
        self._memory[_TARGET_AT + 9] = 1

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
