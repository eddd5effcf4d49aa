"""A client that never stops submitting: what it sent, and what it was answered."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any

from tests.faults.log_verdict import SECRET_MARK
from tests.faults.verdict import CALM, Answer, Submission

SOCKET_SECONDS = 10
"""A request that takes longer hangs."""
THREADS = 8
WATCH_SECONDS = 0.3
WATCHED_AT_ONCE = 40
REPEATS = 3
"""How often a client with an Idempotency-Key tries again."""
FINISHED = {"succeeded", "failed", "cancelled", "dead"}


@dataclass(frozen=True)
class Mix:
    """How many of a thousand jobs are of a kind; the rest are steps."""

    quick: int = 300
    walk: int = 15
    flaky: int = 20
    crash: int = 20
    family: int = 20
    poison: int = 0
    walk_seconds: tuple[float, float] = (2, 5)

    def choose(self, random: Random) -> tuple[str, dict[str, Any]]:
        """A kind, and its parameters but for the token."""
        drawn = random.randrange(1000)
        for kind in ("quick", "walk", "flaky", "crash", "family", "poison"):
            drawn -= getattr(self, kind)
            if drawn < 0:
                seconds = random.uniform(*self.walk_seconds) if kind == "walk" else 0
                if kind == "quick" and not drawn % 50:  # one that takes long among short ones
                    seconds = 0.5
                return f"faults.{kind}", {"seconds": round(seconds, 1)}
        return "faults.step", {"seconds": random.choice((0, 0, 0, 0.01, 0.05, 0.2))}


@dataclass(frozen=True)
class Traffic:
    """What is submitted, and how many a second."""

    random: Random
    mix: Mix
    rate: float


@dataclass
class Load:
    """Submits at a steady rate from several threads, and watches until its jobs have ended.

    `url` is the web server's, `journal` the folder as the workers see it. `trouble` tells what is
    being done to the stack at the moment. With more than `most_unfinished` jobs under way it waits.
    """

    url: str
    journal: str
    traffic: Traffic
    trouble: Callable[[], str]
    most_unfinished: int = 400
    submissions: list[Submission] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    """The status of each accepted job, as the API told it last."""

    def __post_init__(self) -> None:
        self._host = self.url.removeprefix("http://")
        self._tokens = itertools.count(1)
        self._lock = threading.Lock()
        self._under_way: dict[str, None] = {}
        self._is_over = threading.Event()
        self._all_finished = threading.Event()
        self._started_at = time.monotonic()
        self._held_up_seconds = 0.0
        self._threads = [threading.Thread(target=self._submit_on) for _ in range(THREADS)]
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to submit."""
        for thread in (*self._threads, self._watcher):
            thread.start()

    def stop(self) -> None:
        """Submit nothing more; returns when every request is answered."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def await_ends(self, seconds: float) -> None:
        """Wait until every accepted job has ended, at most so long."""
        self._all_finished.wait(seconds)

    @property
    def accepted(self) -> int:
        """Jobs that were answered 202 so far."""
        return len(self.statuses)

    @property
    def unfinished(self) -> list[str]:
        """The ids of the jobs under way, the oldest first."""
        with self._lock:
            return list(self._under_way)

    def _submit_on(self) -> None:
        while not self._is_over.is_set():
            with self._lock:
                submission, parameters = self._next()
            self._await_turn(submission.token)
            self._submit(submission, parameters)

    def _next(self) -> tuple[Submission, dict[str, Any]]:
        token = next(self._tokens)
        kind, parameters = self.traffic.mix.choose(self.traffic.random)
        draw = self.traffic.random
        key = f"storm-{draw.getrandbits(64)}-{token}" if draw.random() < 0.3 else ""
        submission = Submission(token, kind, key)
        self.submissions.append(submission)
        given = {"token": token, "journal": self.journal, "secret": f"{SECRET_MARK}p{token}"}
        return submission, {**parameters, **given}

    def _await_turn(self, token: int) -> None:
        while self._is_to_wait() and not self._is_over.is_set():
            self._held_up_seconds += WATCH_SECONDS / THREADS
            self._is_over.wait(WATCH_SECONDS)
        due = self._started_at + self._held_up_seconds + token / self.traffic.rate
        self._is_over.wait(max(0, due - time.monotonic()))

    def _is_to_wait(self) -> bool:
        """Only in calm weather: what a trouble does to a submit is what we are here to see."""
        return len(self._under_way) > self.most_unfinished and self.trouble() == CALM

    def _submit(self, submission: Submission, parameters: dict[str, Any]) -> None:
        """One job; with a key it is tried again as long as nobody has taken it."""
        for _ in range(REPEATS if submission.key else 1):
            answer = self._post(submission, parameters)
            submission.answers.append(answer)
            if answer.job_id:
                self._note(answer.job_id, self.statuses.get(answer.job_id, ""))
            if answer.code not in (0, 429, 503) or self._is_over.wait(answer.retry_after):
                return

    def _post(self, submission: Submission, parameters: dict[str, Any]) -> Answer:
        secret = f"{SECRET_MARK}h{submission.token}"
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {secret}",
            "Cookie": f"session={secret}",
            "User-Agent": secret,
            "X-Token": secret,
        }
        if submission.key:
            headers["Idempotency-Key"] = submission.key
        body = json.dumps({"kind": submission.kind, "parameters": parameters})
        before, started = self.trouble(), time.monotonic()
        path = f"/api/v1/jobs?{SECRET_MARK}q{submission.token}"
        code, document, retry_after, reason = self._ask("POST", path, body, headers)
        return Answer(
            code=code,
            seconds=time.monotonic() - started,
            troubles=(before, self.trouble()),
            job_id=str(document["id"]) if code == 202 else "",
            retry_after=retry_after,
            reason=reason,
        )

    def _watch(self) -> None:
        """Ask for the jobs under way, some at a time, again and again."""
        first = 0
        while not self._is_everything_known():
            unfinished = self.unfinished
            first = 0 if first >= len(unfinished) else first
            for job_id in unfinished[first : first + WATCHED_AT_ONCE]:
                code, document, _, _ = self._ask("GET", f"/api/v1/jobs/{job_id}")
                if code in (200, 404):
                    self._note(job_id, document["status"] if code == 200 else "unknown")
            first += WATCHED_AT_ONCE
            self._all_finished.wait(WATCH_SECONDS)
        self._all_finished.set()

    def _note(self, job_id: str, status: str) -> None:
        with self._lock:
            self.statuses[job_id] = status
            if status in FINISHED:
                self._under_way.pop(job_id, None)
            else:
                self._under_way.setdefault(job_id)

    def _is_everything_known(self) -> bool:
        is_submitting = any(thread.is_alive() for thread in self._threads)
        return self._is_over.is_set() and not is_submitting and not self.unfinished

    def _ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, float, str]:
        """Status, document, seconds to wait before another try, and why there is no answer.

        Each request has a connection of its own: one that is kept might be closed under it, and no
        client could tell whether it was heard.
        """
        connection = HTTPConnection(self._host, timeout=SOCKET_SECONDS)
        try:
            connection.request(method, path, body, {**(headers or {}), "Connection": "close"})
            response = connection.getresponse()
            document = json.loads(response.read())
            retry_after = float(response.headers.get("Retry-After", 1))
        except (OSError, HTTPException, ValueError) as error:
            return 0, {}, 1, repr(error)
        finally:
            connection.close()
        reason = "" if response.status < 300 else str(document.get("detail"))
        return response.status, document, retry_after, reason
