"""The recorder of what jobs log, with a log that answers as it is told."""

import contextvars
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from redis import ConnectionError as RedisConnectionError
from redis import ResponseError

from project.ledger.log_line import LogLine, decode_line
from project.observability.binding import enter_job, read_bound
from project.observability.context import Trace
from project.observability.job_log import record_line
from project.worker.recorder import Recorder
from tests.builders import a_job
from tests.waiting import wait_until

JOB = a_job(attempt=2)


@dataclass
class Shelf:
    """Stands in for the jobs' logs."""

    lines: dict[str, list[LogLine]] = field(default_factory=dict)
    calls: int = 0
    error: Exception | None = None
    is_open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.is_open.set()

    def append(self, job_id: str, lines: list[tuple[str, str]], _kept: int) -> None:
        self.is_open.wait(10)
        self.calls += 1
        if self.error:
            raise self.error
        known = self.lines.setdefault(job_id, [])
        known += [decode_line(place, text) for place, text in lines]

    def messages(self, job_id: str = JOB.id) -> list[str]:
        return [line.message for line in self.lines.get(job_id, [])]


def recorder_of(shelf: Shelf, kept_lines: int = 100, **seconds: float) -> Recorder:
    times = {"batch_seconds": 0.01, "retry_seconds": 0.01, "flush_seconds": 5.0} | seconds
    return Recorder(shelf, kept_lines, **times)  # type: ignore[arg-type]


def log(event: str, **fields: Any) -> None:
    """An event as the pipeline tells it."""
    told = {"event": event, "level": "info", "timestamp": "2026-05-04T12:00:00.000000Z"}
    record_line({**read_bound(), **told, **fields})


def test_lines_are_there_when_the_attempt_is_over() -> None:
    shelf = Shelf()

    with recorder_of(shelf).recording(JOB):
        for number in range(5):
            log(f"line {number}", number=number)

    lines = shelf.lines[JOB.id]
    assert [line.message for line in lines] == [f"line {number}" for number in range(5)]
    assert [line.place for line in lines] == [f"2-{number}" for number in range(1, 6)]
    assert lines[3].fields == {"number": 3}


def test_lines_before_and_after_are_nobodys() -> None:
    shelf = Shelf()

    log("before")
    with recorder_of(shelf).recording(JOB):
        log("within")
    log("after")

    assert shelf.messages() == ["within"]


def test_attempt_that_fails_is_recorded_to_its_end() -> None:
    shelf = Shelf()

    with pytest.raises(KeyError), recorder_of(shelf).recording(JOB):
        log("last words")
        raise KeyError

    assert shelf.messages() == ["last words"]


def test_what_was_bound_before_the_run_is_left_out_and_what_the_job_binds_is_not() -> None:
    shelf = Shelf()
    enter_job(JOB, Trace.of_job(JOB.id))

    with recorder_of(shelf).recording(JOB):
        structlog.contextvars.bind_contextvars(order=5)
        log("bound")
        log("child_submitted", job_id="another")

    first, second = shelf.lines[JOB.id]
    assert first.fields == {"order": 5}
    assert second.fields == {"job_id": "another", "order": 5}


def test_record_of_a_library_tells_who_logged_it() -> None:
    shelf = Shelf()

    with recorder_of(shelf).recording(JOB):
        log("log", message="ValueError", captured_message="It went well.", logger="shop")

    (line,) = shelf.lines[JOB.id]
    assert (line.message, line.logger, line.fields) == ("It went well.", "shop", {})


def test_error_is_kept_with_its_traceback() -> None:
    shelf = Shelf()

    with recorder_of(shelf).recording(JOB):
        log("broken", error_type="KeyError", error_stack_trace="…", captured_error=KeyError("x"))

    (line,) = shelf.lines[JOB.id]
    assert line.error
    assert (line.error.type, line.error.message) == ("KeyError", "'x'")
    assert line.error.traceback == "KeyError: 'x'\n"
    assert line.fields == {}


def test_error_that_cannot_be_told_loses_no_line() -> None:
    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    shelf = Shelf()

    with recorder_of(shelf).recording(JOB):
        log("broken", captured_error=UnspeakableError())

    (line,) = shelf.lines[JOB.id]
    assert line.error
    assert line.error.message == "<UnspeakableError>"


def test_limit_of_none_turns_it_off() -> None:
    shelf = Shelf()

    with recorder_of(shelf, kept_lines=0).recording(JOB):
        log("nobody hears")

    assert shelf.calls == 0


def test_many_lines_are_few_calls() -> None:
    shelf = Shelf()
    shelf.is_open.clear()

    with recorder_of(shelf, kept_lines=1000).recording(JOB):
        for number in range(900):
            log(f"line {number}")
        shelf.is_open.set()

    assert len(shelf.messages()) == 900
    assert shelf.calls <= 10


def test_jobs_that_follow_each_other_have_their_own_lines() -> None:
    shelf, other = Shelf(), a_job()
    recorder = recorder_of(shelf)

    for job in (JOB, other):
        with recorder.recording(job):
            log(f"of {job.id}")

    assert shelf.messages(JOB.id) == [f"of {JOB.id}"]
    assert shelf.messages(other.id) == [f"of {other.id}"]


def test_outage_delays_the_end_by_its_limit_and_loses_nothing_that_fits() -> None:
    shelf = Shelf(error=RedisConnectionError("away"))

    with recorder_of(shelf, flush_seconds=0.01).recording(JOB):
        log("one")
        log("two")

    assert shelf.messages() == []
    shelf.error = None
    wait_until(lambda: shelf.messages() == ["one", "two"], 10, "the lines")


def test_outage_keeps_the_newest_lines_and_leaves_a_gap_in_the_numbers() -> None:
    shelf = Shelf(error=RedisConnectionError("away"))

    with recorder_of(shelf, kept_lines=10, flush_seconds=0.01).recording(JOB):
        for number in range(500):
            log(f"line {number}")

    shelf.error = None
    wait_until(lambda: shelf.messages()[-1:] == ["line 499"], 10, "the last line")
    numbers = [line.number for line in shelf.lines[JOB.id]]
    assert numbers == sorted(set(numbers))
    assert numbers[-10:] == list(range(491, 501))
    assert len(numbers) < 500


def test_lines_that_redis_refuses_are_given_up_for_the_next_ones() -> None:
    shelf, other = Shelf(error=ResponseError("out of memory")), a_job()
    recorder = recorder_of(shelf)

    with recorder.recording(JOB):
        log("refused")
    shelf.error = None
    with recorder.recording(other):
        log("taken")

    assert shelf.messages(JOB.id) == []
    assert shelf.messages(other.id) == ["taken"]


def test_end_of_an_attempt_does_not_wait_for_a_log_that_hangs() -> None:
    shelf = Shelf()
    shelf.is_open.clear()

    with recorder_of(shelf, flush_seconds=0.01).recording(JOB):
        log("slow")

    assert shelf.messages() == []
    shelf.is_open.set()


def test_thread_is_recorded_where_it_runs_in_the_jobs_context() -> None:
    shelf = Shelf()

    with recorder_of(shelf).recording(JOB):
        context = contextvars.copy_context()
        threads = [
            threading.Thread(target=context.run, args=(log, "in the context")),
            threading.Thread(target=log, args=("without it",)),
        ]
        for thread in threads:
            thread.start()
            thread.join()

    assert shelf.messages() == ["in the context"]


def test_lines_of_many_threads_are_numbered_once_each() -> None:
    shelf = Shelf()

    with recorder_of(shelf, kept_lines=1000).recording(JOB):
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(talk, 50))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [line.number for line in shelf.lines[JOB.id]] == list(range(1, 401))


def talk(times: int) -> None:
    for number in range(times):
        log(f"line {number}")


def test_process_that_the_job_forks_disturbs_nothing(tmp_path: Path) -> None:
    shelf, witness = Shelf(), tmp_path / "done"

    with recorder_of(shelf).recording(JOB):
        log("before")
        child = os.fork()
        if child == 0:
            log("in the child")
            witness.touch()
            os._exit(0)
        os.waitpid(child, 0)
        log("after")

    assert witness.exists()
    assert [(line.number, line.message) for line in shelf.lines[JOB.id]] == [
        (1, "before"),
        (2, "after"),
    ]
