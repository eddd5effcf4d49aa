"""How a process learns of changes: one Redis subscription, many listeners.

Pub/sub delivers at most once. So a listener gets RESYNC after every (re)connect and when it is too
slow: what it knows may be outdated, and it must read the state again.
"""

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import structlog
from redis import Redis, RedisError

BACKLOG_LIMIT = 500
"""How many events may wait for one listener before it must read the state again."""
_SUBSCRIBE_SECONDS = 2
_RECONNECT_SECONDS = 0.5
_IDLE_CHANNEL = "events:idle"  # keeps the subscription alive while nobody listens

_log = structlog.get_logger()


ALL_CHANNEL = "events:jobs"
"""Events of all jobs."""


class Signal(Enum):
    """What a listener may get instead of an event."""

    RESYNC = "resync"
    CLOSE = "close"


Message = tuple[str, str] | Signal
"""A channel and its text, or a signal."""


def job_channel(job_id: str) -> str:
    """Events of one job."""
    return f"events:job:{job_id}"


def log_channel(job_id: str) -> str:
    """Positions of new lines in a job's own log."""
    return f"events:log:{job_id}"


def owner_channel(owner: str) -> str:
    """Events of all jobs of one owner."""
    return f"events:owner:{owner}"


class Inbox:
    """The messages that wait for one listener."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Message] = queue.Queue(BACKLOG_LIMIT)

    def put(self, message: Message) -> None:
        """Add a message; if too many are waiting, replace all of them with RESYNC."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(message if message is Signal.CLOSE else Signal.RESYNC)

    def get(self, timeout_seconds: float) -> Message | None:
        """The next message; None if none came in time."""
        try:
            return self._queue.get(timeout=timeout_seconds)
        except queue.Empty:
            return None


class Listener:
    """The process's one subscription; its thread starts with the first listener."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._lock = threading.Lock()
        self._inboxes: dict[str, set[Inbox]] = defaultdict(set)
        self._open: set[Inbox] = set()
        self._confirmed: dict[str, threading.Event] = {}
        self._pubsub: Any = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @contextmanager
    def listen(self, channels: Iterable[str]) -> Iterator[Inbox]:
        """An inbox for everything published on the channels from now on."""
        inbox = Inbox()
        wanted = tuple(channels)
        with self._lock:
            self._open.add(inbox)
            if self._is_closed:
                inbox.put(Signal.CLOSE)
        try:
            for channel in wanted:
                self._add(channel, inbox)
            yield inbox
        finally:
            self._open.discard(inbox)
            for channel in wanted:
                self._remove(channel, inbox)

    def close(self) -> None:
        """End every listener because the process stops."""
        with self._lock:
            self._is_closed = True
            inboxes = tuple(self._open)
        for inbox in inboxes:
            inbox.put(Signal.CLOSE)

    def _add(self, channel: str, inbox: Inbox) -> None:
        """Subscribe to a channel and wait for Redis's confirmation, so that nothing is missed."""
        with self._lock:
            self._start()
            self._inboxes[channel].add(inbox)
            confirmed = self._confirmed.get(channel)
            if confirmed is None:
                confirmed = self._confirmed[channel] = threading.Event()
                self._send("subscribe", channel)
        # While Redis is unavailable this times out; RESYNC follows once it is back.
        confirmed.wait(_SUBSCRIBE_SECONDS)

    def _remove(self, channel: str, inbox: Inbox) -> None:
        with self._lock:
            self._inboxes[channel].discard(inbox)
            if not self._inboxes[channel]:
                del self._inboxes[channel]
                self._confirmed.pop(channel, None)
                self._send("unsubscribe", channel)

    def _send(self, command: str, channel: str) -> None:
        if self._pubsub is None:
            return  # the thread subscribes to all channels once it is connected
        try:
            getattr(self._pubsub, command)(channel)
        except RedisError as error:
            _log.debug("subscription_lost", reason=str(error))  # the thread reconnects

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._is_closed:
            try:
                self._receive()
            except (RedisError, OSError) as error:
                _log.warning("subscription_lost", reason=str(error))
                with self._lock:
                    self._pubsub = None
                time.sleep(_RECONNECT_SECONDS)

    def _receive(self) -> None:
        """Connect, subscribe to all channels, and pass messages on until the connection breaks."""
        pubsub = self._redis.pubsub()
        pubsub.subscribe(_IDLE_CHANNEL)
        with self._lock:
            self._pubsub = pubsub
            for channel in self._inboxes:
                self._confirmed[channel].clear()  # keep the object: a listener may wait for it
                pubsub.subscribe(channel)
            inboxes = {inbox for group in self._inboxes.values() for inbox in group}
        for inbox in inboxes:
            inbox.put(Signal.RESYNC)
        while not self._is_closed:
            message = pubsub.get_message(timeout=5)
            if message is not None:
                self._hand_out(message)

    def _hand_out(self, message: dict[str, Any]) -> None:
        channel = message["channel"]
        with self._lock:
            if message["type"] == "subscribe" and channel in self._confirmed:
                self._confirmed[channel].set()
            inboxes = tuple(self._inboxes.get(channel, ()))
        if message["type"] == "message":
            for inbox in inboxes:
                inbox.put((channel, message["data"]))
