"""What a worker process is doing, in memory that it shares with the worker's main process.

At every job the process writes what it runs; the main process reads it to supervise the job and to
answer remote control. So the two exchange no message for a job. The main process writes requests to
the slot, too: which job a signal is meant for, and which job must stop.

Each side writes only its own fields. The process counts each write before and after it (a sequence
lock), so that the main process notices when it has read half of one.
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
"""Room for the longest headers (128 KiB) and most bodies. Unwritten pages use no memory."""
_RUN = struct.Struct("=QQdddII?")
"""Sequence, token, begun at, soft limit, hard limit; bytes of the header frame and of the body;
whether it must be claimed before it runs."""
_WORD = struct.Struct("@Q")
"""The processor writes it at once, so nobody reads half of it."""
_DONE = struct.Struct("=QII")
"""Jobs done, messages held, whether it consumes."""
_TARGET = struct.Struct("=QBB")
"""Token that a signal is meant for; whether to send events; whether to requeue jobs."""
_STOPS = struct.Struct("@QQ")
"""Tokens of the jobs that must stop: the cancelled job, and the job whose lease is lost."""
_TIME = struct.Struct("@d")
_CLAIM = struct.Struct("=dIHH")
"""Claimed at, attempt; lengths of the job id and the trace id, which follow."""

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
    """The attempt that a process has claimed; `id` and `attempt` identify its lease."""

    id: str
    attempt: int
    trace_id: str
    claimed_at: float
    """Reading of `monotonic`."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What the supervisor needs to know about the job that a process runs."""

    token: int
    began_at: float
    """When its time limits began to count."""
    soft_limit_seconds: float
    hard_limit_seconds: float
    """0: no limit, or its time does not count yet."""
    claim: Claim | None
    """None: the job holds no lease."""


@dataclass(frozen=True, slots=True)
class Run:
    """The job that a process runs, as read from its slot."""

    token: int
    """Number of the message, counted by the process."""
    begun_at: float
    """Reading of `monotonic`, which all processes of a machine share."""
    soft_limit_seconds: float
    hard_limit_seconds: float
    """0: no limit."""
    deliver: bytes
    header: bytes
    body: bytes
    """The frames as received; empty if they are too long for the slot."""


class Slot:
    """The slot of one process, made before the fork; the memory is freed with its last user."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)
        self._sequence = 0
        self.token = 0
        """The number of the current or the last message."""
        self._is_open = False
        """Whether a job's code runs, and may be interrupted."""
        self._opened_at = 0.0
        self._fenced = 0
        """Token of the job that the process itself has asked to stop."""

    # ── The process's side ─────────────────────────────────────────────────────────────────────

    def begin(
        self,
        delivery: Delivery,
        soft_limit_seconds: float,
        hard_limit_seconds: float,
        *,
        needs_claim: bool = False,
    ) -> None:
        """Note that the process takes up a message; with `needs_claim`, `claim` starts its job."""
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
        """Note that the job is claimed and runs: its lease is renewed and its limits count now."""
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
        """Note that the job's code has ended: nothing may interrupt writing its outcome."""
        self._is_open = False
        _WORD.pack_into(self._memory, _CLAIMED_AT, 0)

    @property
    def code_seconds(self) -> float:
        """How long the job's code has run so far; 0: no code runs."""
        return monotonic() - self._opened_at if self._is_open else 0.0

    @property
    def hold(self) -> LeaseState:
        """The lease state of the current job: whether it must stop."""
        cancelled, lost = _STOPS.unpack_from(self._memory, _STOPS_AT)
        if self.token in {lost, self._fenced}:
            return LeaseState.LOST
        return LeaseState.CANCEL if cancelled == self.token else LeaseState.HELD

    def fence(self, token: int) -> None:
        """Ask that job to stop, from inside its process: the main process has hung."""
        self._fenced = token

    @property
    def renewed_at(self) -> float:
        """When the main process last renewed a lease of this process."""
        renewed_at: float = _TIME.unpack_from(self._memory, _RENEWED_AT)[0]
        return renewed_at

    @property
    def looks(self) -> int:
        """A counter that grows while the main process supervises."""
        looks: int = _WORD.unpack_from(self._memory, _LOOKS_AT)[0]
        return looks

    def end(self, done: int) -> None:
        """Note that the message is handled; `done` counts the messages handled so far."""
        self._is_open = False
        self._sequence += 2
        _RUN.pack_into(self._memory, _RUN_AT, self._sequence, 0, 0, 0, 0, 0, 0, False)
        struct.pack_into("=Q", self._memory, _DONE_AT, done)

    def is_meant(self) -> bool:
        """Whether a signal is meant for the current job, and its code may be interrupted."""
        target = _TARGET.unpack_from(self._memory, _TARGET_AT)[0]
        return self._is_open and (target in {0, self.token} or self._fenced == self.token)

    @property
    def is_watched(self) -> bool:
        """Whether anything listens for events of jobs, such as Flower."""
        return bool(self._memory[_TARGET_AT + 8])

    @property
    def rings(self) -> int:
        """A counter that changes when the main process has sent an order."""
        return self._memory[_TARGET_AT + 10]

    @property
    def is_to_requeue(self) -> bool:
        """Whether the worker stops now, and the current job must be requeued."""
        return bool(self._memory[_TARGET_AT + 9])

    # ── The main process's side ────────────────────────────────────────────────────────────────

    def read(self) -> Run | None:
        """The job that the process runs; None if it runs nothing."""
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
        """The job that the process runs, without its message; None if it runs nothing."""
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
            return None  # the job is finished by now, and the next job overwrites the claim
        return Claim(job_id.decode(), attempt, trace_id.decode(), claimed_at)

    @property
    def claimed(self) -> int:
        """Token of the running job that holds a lease; 0: no such job."""
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
        """Token of the message that the process runs; 0 if it runs nothing."""
        token: int = _RUN.unpack_from(self._memory)[1]
        return token

    @property
    def done(self) -> int:
        """How many messages the process has handled."""
        done: int = struct.unpack_from("=Q", self._memory, _DONE_AT)[0]
        return done

    def aim(self, token: int) -> None:
        """Mark which job the next signal is meant for; 0: whichever job runs."""
        struct.pack_into("=Q", self._memory, _TARGET_AT, token)

    @property
    def target(self) -> int:
        """Token that `aim` last set."""
        token: int = struct.unpack_from("=Q", self._memory, _TARGET_AT)[0]
        return token

    def stop(self, token: int, hold: LeaseState) -> None:
        """Ask that job to stop: it was cancelled, or its lease is lost."""
        place = _STOPS_AT if hold is LeaseState.CANCEL else _STOPS_AT + _WORD.size
        _WORD.pack_into(self._memory, place, token)

    def note_renewal(self, at: float) -> None:
        """Note when the current job's lease was renewed. If the process runs another job by now,
        that job was claimed later."""
        _TIME.pack_into(self._memory, _RENEWED_AT, at)

    def note_look(self) -> None:
        """Note that the main process supervises."""
        _WORD.pack_into(self._memory, _LOOKS_AT, self.looks + 1)

    def watch(self, is_watched: bool) -> None:
        """Set whether the process sends events about its jobs."""
        self._memory[_TARGET_AT + 8] = is_watched

    def ring(self) -> None:
        """Note that an order was sent."""
        self._memory[_TARGET_AT + 10] = (self.rings + 1) % 256

    def requeue(self) -> None:
        """Note that the worker stops now: the process must requeue its job."""
        self._memory[_TARGET_AT + 9] = 1
