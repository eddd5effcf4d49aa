"""Many clients who submit at the same time, so that a web process has batches under way."""

import threading
from types import TracebackType
from typing import Self

from tests.faults.bench import ANSWER_SECONDS, Bench
from tests.waiting import wait_until

CLIENTS = 32
ACCEPTED_SECONDS = 120


class Crowd:
    """A context in which each client submits one job after the other.

    At its end every request is answered; one that hangs is an error.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._submit_on) for _ in range(CLIENTS)]
        self._errors: list[Exception] = []
        self.accepted: dict[int, str] = {}
        """By token, the ids of the jobs that were answered 202."""
        self.refused: dict[int, int] = {}
        """By token, how the others were answered."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(2 * ANSWER_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads), "a request hangs"
        assert self._errors == []

    def await_accepted(self, jobs: int) -> None:
        """Wait until so many more jobs were accepted."""
        wanted = len(self.accepted) + jobs
        wait_until(
            lambda: self._errors or len(self.accepted) >= wanted, ACCEPTED_SECONDS, "more jobs"
        )

    def _submit_on(self) -> None:
        try:
            bench = self._bench.as_another_client()
            while not self._is_over.is_set():
                token, answer = bench.post("step")
                if answer.status_code == 202:
                    self.accepted[token] = str(answer.json()["id"])
                else:
                    self.refused[token] = answer.status_code
                    self._is_over.wait(0.05)
        except Exception as error:  # noqa: BLE001 - told at the end of the context
            self._errors.append(error)
