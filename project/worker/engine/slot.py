"""What a worker process is doing, in memory that it shares with the worker's main process.

The process writes what it runs, at every job; the main process reads that when somebody asks, and
to supervise it. So no message passes between them for a job. What the main process wants of the
process stands there, too: which job a signal is meant for, and which one is to stop.

Each side writes fields of its own. The process counts its writes before and after (a sequence
lock), so that the main process sees when it has read half of one.
"""

import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from project.ledger import Job
from project.ledger.attempts import LeaseState
from project.worker.engine.delivery import Delivery

_BYTES = 192 * 1024
"""Room for the longest headers (128 KiB) and most bodies. Pages that nobody writes take none."""
_RUN = struct.Struct("=QQdddII?")
"""Sequence, token, begun at, soft limit, hard limit; bytes of the header frame and of the body;
whether it must be claimed before it runs."""
_WORD = struct.Struct("@Q")
"""One write of the processor: nobody reads half of it."""
_DONE = struct.Struct("=QII")
"""Jobs done, messages held, whether it consumes."""
_TARGET = struct.Struct("=QBB")
"""Token that a soft limit is meant for; whether events are wanted; whether jobs are to go back."""
_STOPS = struct.Struct("@QQ")
"""Tokens of the jobs that are to stop: of a cancelled one, of one whose lease is lost."""
_TIME = struct.Struct("@d")
_CLAIM = struct.Struct("=dIHH")
"""Claimed at, attempt; bytes of the id and of the trace's id, which follow."""

_RUN_AT = 0
_DONE_AT = 64
_TARGET_AT = 128
_LOOKS_AT = 144
_STOPS_AT = 152
_RENEWED_AT = 168
_ROUTE_AT = 192
_CLAIMED_AT = 256
_CLAIM_AT = 264
_CLAIM_TEXT_AT = 288
_MESSAGE_AT = 4096
_ROOM = _BYTES - _MESSAGE_AT
_TRIES = 100


@dataclass(frozen=True, slots=True)
class Claim:
    """The attempt that a process has claimed; `id` and `attempt` are what its lease goes by."""

    id: str
    attempt: int
    trace_id: str
    claimed_at: float
    """Reading of `monotonic`."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What the supervisor wants to know of the job that a process runs."""

    token: int
    began_at: float
    """When its time limits began to count."""
    soft_limit_seconds: float
    hard_limit_seconds: float
    """0: none, or not now."""
    claim: Claim | None
    """None: it holds no lease."""


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
    """One process's place. It is made before the fork, and goes with the last one who holds it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)
        self._sequence = 0
        self.token = 0
        """Of the message that the process runs, or has run last."""
        self._is_open = False
        """Whether the code of a job runs, and may be interrupted."""
        self._opened_at = 0.0
        self._fenced = 0
        """Token of the job that the process itself has told to stop."""

    # ── The process's side ─────────────────────────────────────────────────────────────────────

    def begin(
        self,
        delivery: Delivery,
        soft_limit_seconds: float,
        hard_limit_seconds: float,
        *,
        needs_claim: bool = False,
    ) -> None:
        """The process begins with a message; with `needs_claim` its job begins at `claim`."""
        self.token += 1
        self._is_open, self._opened_at = not needs_claim, monotonic()
        header, body = delivery.raw_header, delivery.raw_body
        deliver = delivery.raw_deliver
        if len(deliver) + len(header) > _ROOM:
            header = b""
        if len(deliver) + len(header) + len(body) > _ROOM:
            body = b""
        memory, start = self._memory, _MESSAGE_AT
        self._sequence += 1
        _RUN.pack_into(memory, _RUN_AT, self._sequence, 0, 0, 0, 0, 0, 0, False)
        for part in (deliver, header, body):
            end = start + len(part)
            memory[start:end] = part
            start = end
        struct.pack_into("=H", memory, _ROUTE_AT, len(deliver))
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
            needs_claim,
        )
        self._sequence += 1
        _WORD.pack_into(memory, _RUN_AT, self._sequence)

    def claim(self, job: Job) -> None:
        """The job is claimed, and runs: from now on its lease is renewed and its limits count."""
        memory = self._memory
        job_id, trace_id = job.id.encode(), job.trace_id.encode()
        middle = _CLAIM_TEXT_AT + len(job_id)
        memory[_CLAIM_TEXT_AT:middle] = job_id
        memory[middle : middle + len(trace_id)] = trace_id
        sizes = len(job_id), len(trace_id)
        _CLAIM.pack_into(memory, _CLAIM_AT, monotonic(), job.attempt, *sizes)
        _WORD.pack_into(memory, _CLAIMED_AT, self.token)
        self._is_open, self._opened_at = True, monotonic()

    def release(self) -> None:
        """Its code has ended: what is left is to write its outcome, which nothing interrupts."""
        self._is_open = False
        _WORD.pack_into(self._memory, _CLAIMED_AT, 0)

    @property
    def code_seconds(self) -> float:
        """How long the code of the job has run by now; 0: none runs."""
        return monotonic() - self._opened_at if self._is_open else 0.0

    @property
    def hold(self) -> LeaseState:
        """Whether what runs is to stop."""
        cancelled, lost = _STOPS.unpack_from(self._memory, _STOPS_AT)
        if self.token in {lost, self._fenced}:
            return LeaseState.LOST
        return LeaseState.CANCEL if cancelled == self.token else LeaseState.HELD

    def fence(self, token: int) -> None:
        """The process itself tells that job to stop: the main process does not renew its lease."""
        self._fenced = token

    @property
    def renewed_at(self) -> float:
        """When the main process last renewed the lease of a job of this process."""
        renewed_at: float = _TIME.unpack_from(self._memory, _RENEWED_AT)[0]
        return renewed_at

    @property
    def looks(self) -> int:
        """Grows as long as the main process supervises."""
        looks: int = _WORD.unpack_from(self._memory, _LOOKS_AT)[0]
        return looks

    def end(self, done: int) -> None:
        """It is done with it; `done`: messages that the process has dealt with."""
        self._is_open = False
        self._sequence += 2
        _RUN.pack_into(self._memory, _RUN_AT, self._sequence, 0, 0, 0, 0, 0, 0, False)
        struct.pack_into("=Q", self._memory, _DONE_AT, done)

    def is_meant(self) -> bool:
        """Whether a signal is meant for what runs now, and its code may be interrupted."""
        target = _TARGET.unpack_from(self._memory, _TARGET_AT)[0]
        return self._is_open and (target in {0, self.token} or self._fenced == self.token)

    @property
    def is_watched(self) -> bool:
        """Whether anybody wants events of jobs: Flower, say."""
        return bool(self._memory[_TARGET_AT + 8])

    @property
    def rings(self) -> int:
        """Changes when the main process has sent an order."""
        return self._memory[_TARGET_AT + 10]

    @property
    def is_to_requeue(self) -> bool:
        """Whether the worker stops now: what runs goes back to its queue."""
        return bool(self._memory[_TARGET_AT + 9])

    # ── The main process's side ────────────────────────────────────────────────────────────────

    def read(self) -> Run | None:
        """What the process runs; None: nothing."""
        for _ in range(_TRIES):
            sequence, token, begun_at, soft, hard, header, body, _ = _RUN.unpack_from(self._memory)
            if sequence % 2:
                continue
            if not token:
                return None
            (deliver,) = struct.unpack_from("=H", self._memory, _ROUTE_AT)
            parts = self._parts((deliver, header, body))
            if _RUN.unpack_from(self._memory)[0] == sequence:
                return Run(token, begun_at, soft, hard, *parts)
        return None

    def glance(self) -> Glance | None:
        """What the process runs, without its message; None: nothing."""
        for _ in range(_TRIES):
            sequence, token, began_at, soft, hard, _, _, needs_claim = _RUN.unpack_from(
                self._memory
            )
            claim = self._read_claim(token) if token else None
            if sequence % 2 or _WORD.unpack_from(self._memory, _RUN_AT)[0] != sequence:
                continue
            if not token:
                return None
            if claim is not None:
                began_at = claim.claimed_at
            elif needs_claim:
                soft = hard = 0.0
            return Glance(token, began_at, soft, hard, claim)
        return None

    def _read_claim(self, token: int) -> Claim | None:
        if self.claimed != token:
            return None
        claimed_at, attempt, *sizes = _CLAIM.unpack_from(self._memory, _CLAIM_AT)
        middle = _CLAIM_TEXT_AT + sizes[0]
        job_id = self._memory[_CLAIM_TEXT_AT:middle]
        trace_id = self._memory[middle : middle + sizes[1]]
        if self.claimed != token:
            return None  # it has ended meanwhile, and the next one writes there
        return Claim(job_id.decode(), attempt, trace_id.decode(), claimed_at)

    @property
    def claimed(self) -> int:
        """Token of the job that holds a lease and runs; 0: none."""
        token: int = _WORD.unpack_from(self._memory, _CLAIMED_AT)[0]
        return token

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

    def stop(self, token: int, hold: LeaseState) -> None:
        """That job is to stop: it was cancelled, or its lease is lost."""
        place = _STOPS_AT if hold is LeaseState.CANCEL else _STOPS_AT + _WORD.size
        _WORD.pack_into(self._memory, place, token)

    def note_renewal(self, at: float) -> None:
        """The lease of what runs was renewed then. The process may run another job by now: that
        one was claimed later."""
        _TIME.pack_into(self._memory, _RENEWED_AT, at)

    def note_look(self) -> None:
        """The main process supervises."""
        _WORD.pack_into(self._memory, _LOOKS_AT, self.looks + 1)

    def watch(self, is_watched: bool) -> None:
        """Whether the process is to tell of its jobs' events."""
        self._memory[_TARGET_AT + 8] = is_watched

    def ring(self) -> None:
        """An order has been sent."""
        self._memory[_TARGET_AT + 10] = (self.rings + 1) % 256

    def requeue(self) -> None:
        """The worker stops now."""
        self._memory[_TARGET_AT + 9] = 1
