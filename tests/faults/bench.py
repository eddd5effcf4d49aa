"""What a fault test works with: a client of the stack, and jobs that keep a journal."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from tests.faults.journal import Journal, Run
from tests.faults.stack import Stack
from tests.integration.client import Client

# About two seconds are promised; a slow machine gets more, a hanging answer none.
ANSWER_SECONDS = 10
END_SECONDS = 90


@dataclass
class Bench:
    """One browser on the stack, and the journal of its jobs in a folder of the test's own."""

    stack: Stack
    folder: Path
    _tokens: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.journal = Journal(self.folder)
        self.journal.make()
        self.client: Client = self.stack.open_page()

    def as_another_client(self) -> "Bench":
        """The same with a browser, and connections, of its own."""
        return replace(self)

    def post(self, kind: str, **parameters: Any) -> tuple[int, requests.Response]:
        """Submit a job; its token, and the answer, which must not take long."""
        token = next(self._tokens)
        body = {
            "kind": f"faults.{kind}",
            "parameters": {"journal": str(self.folder), "token": token, **parameters},
        }
        return token, answer_in_time(lambda: self.client.post("/api/v1/jobs", json=body))

    def start(self, kind: str, **parameters: Any) -> tuple[int, str]:
        """A job that was accepted: its token and its id."""
        token, answer = self.post(kind, **parameters)
        assert answer.status_code == 202, answer.text
        return token, str(answer.json()["id"])

    def await_status(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """The job once it has one of the statuses."""
        return self.client.await_status(job_id, *statuses, seconds=END_SECONDS)

    def do_one(self) -> int:
        """A job is accepted and done: what was before it in the short queue has had its turn."""
        token, job_id = self.start("step")
        self.await_status(job_id, "succeeded")
        return token

    def runs(self, token: int) -> list[Run]:
        """The runs of that job so far."""
        return [run for run in self.journal.read() if run.token == token]


def answer_in_time(ask: Callable[[], requests.Response]) -> requests.Response:
    """The answer, which must not take long."""
    asked_at = time.monotonic()
    answer = ask()
    assert time.monotonic() - asked_at < ANSWER_SECONDS
    return answer
