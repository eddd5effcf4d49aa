"""The log pipeline: every line JSON, every line whole, and never the reason of a failure."""

import json
import logging
import multiprocessing
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from project.observability.job_log import ERROR, MESSAGE, capturing
from project.observability.pipeline import configure_logging, sample_debug
from tests.builders import SECRETS, settings_in

SECRET = "ada@example.org"


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    """Give back what `configure_logging` sets for a whole process."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logger.level
        for name, logger in root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, logger in root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.setLevel(levels.get(name, logging.NOTSET))
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)
    structlog.reset_defaults()


class LogBook:
    """A configured pipeline, and the lines that it wrote."""

    def __init__(self, folder: Path, *, is_watched: bool = True, **settings: Any) -> None:
        self._folder = folder / "logs"
        configure_logging(settings_in(folder, role="web", **settings), is_watched=is_watched)

    def lines(self) -> list[dict[str, Any]]:
        (path,) = self._folder.iterdir()
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    def line(self) -> dict[str, Any]:
        (line,) = self.lines()
        return line

    def text(self) -> str:
        (path,) = self._folder.iterdir()
        return path.read_text()


@pytest.fixture
def book(tmp_path: Path) -> LogBook:
    return LogBook(tmp_path)


def test_event_becomes_a_line_of_ecs(book: LogBook) -> None:
    structlog.get_logger().info("job_started", job_id="j1", queue="short")

    line = book.line()
    assert line["@timestamp"].endswith("Z")
    assert line["log.level"] == "info"
    assert line["message"] == line["event"]["action"] == "job_started"
    assert line["ecs.version"]
    assert line["service"] == {
        "name": "jobs",
        "version": "0.1.0",
        "environment": "development",
        "node": {"name": f"web@{socket.gethostname()}", "roles": ["web"]},
    }
    assert line["celery"] == {"task": {"id": "j1"}, "queue": "short"}
    assert line["process"]["pid"]
    assert line["host"]["name"]
    assert line["event"]["dataset"] == "jobs.web"


@pytest.mark.parametrize("name", ["host", "service_name", "node_name", "process_id", "thread_name"])
def test_field_named_as_one_of_the_process_is_a_label_and_no_key_is_there_twice(
    book: LogBook, name: str
) -> None:
    """Elasticsearch refuses a line that has a key twice."""
    structlog.get_logger().info("connecting", **{name: "db1"})

    json.loads(book.text(), object_pairs_hook=refuse_repeated_keys)
    assert book.line()["labels"] == {name: "db1"}


def test_lines_of_the_same_fields_have_values_of_their_own(book: LogBook) -> None:
    """Where the values go is remembered; they, and what stands in for them, are not."""
    for job_id, owner in (("j1", "ada"), ("j2", "bob"), ('"j3"', "ada")):
        structlog.get_logger().info("job_started", job_id=job_id, owner=owner, step=job_id)

    first, second, third = book.lines()
    ids = [line["celery"]["task"]["id"] for line in (first, second, third)]
    assert ids == [line["labels"]["step"] for line in (first, second, third)]
    assert ids == ["j1", "j2", '"j3"']
    assert first["labels"]["owner"] == third["labels"]["owner"] != second["labels"]["owner"]


def test_value_of_another_type_finds_its_place_among_lines_of_the_same_fields(
    book: LogBook,
) -> None:
    for attempt in (1, True, None, "two", 3):
        structlog.get_logger().info("job_started", attempt=attempt)

    found = [
        (line.get("celery", {}).get("task", {}).get("attempt"), line.get("labels"))
        for line in book.lines()
    ]
    assert found == [
        *((1, None), (None, {"attempt": "True"}), (None, None)),
        *((None, {"attempt": "two"}), (3, None)),
    ]


def test_events_of_the_same_fields_are_of_their_own_kinds(book: LogBook) -> None:
    for event in ("job_started", "job_finished", "page_read", "page_kept"):
        structlog.get_logger().info(event, job_id="j1")

    assert [(line["message"], line["event"].get("type")) for line in book.lines()] == [
        *(("job_started", ["start"]), ("job_finished", ["end"])),
        *(("page_read", None), ("page_kept", None)),
    ]


def test_names_that_become_the_same_label_are_no_key_twice(book: LogBook) -> None:
    structlog.get_logger().info("connecting", **{"a.b": 1, "a_b": 2, 'a "b"': 3})

    json.loads(book.text(), object_pairs_hook=refuse_repeated_keys)
    assert book.line()["labels"] == {"a_b": "2", 'a "b"': "3"}


def refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    assert len(found) == len(pairs)
    return found


def test_line_of_a_forked_process_has_its_number(book: LogBook) -> None:
    child = multiprocessing.get_context("fork").Process(target=_log_some, args=(1,))

    child.start()
    child.join()

    ours = [line for line in book.lines() if line["event"].get("action") == "from_a_child"]
    assert [line["process"]["pid"] for line in ours] == [child.pid]


def test_bound_ids_are_on_every_line(book: LogBook) -> None:
    structlog.contextvars.bind_contextvars(trace_id="t" * 32, job_id="j1")

    structlog.get_logger().info("job_started")
    logging.getLogger("elsewhere").info("a foreign record")

    assert {line["trace"]["id"] for line in book.lines()} == {"t" * 32}
    assert {line["celery"]["task"]["id"] for line in book.lines()} == {"j1"}


def test_fields_of_an_event_win_over_those_of_its_logger_and_these_over_what_is_bound(
    book: LogBook,
) -> None:
    structlog.contextvars.bind_contextvars(job_id="bound", queue="bound", kind="bound")

    structlog.get_logger().bind(job_id="logger", queue="logger").info("paid", queue=None, order=5)

    line = book.line()
    assert line["celery"] == {"task": {"id": "logger", "name": "bound"}}
    assert line["labels"] == {"order": "5"}


def test_foreign_record_becomes_a_line_too(book: LogBook) -> None:
    logging.getLogger("gunicorn.error").warning("Booting worker with pid: %s", 7)

    line = book.line()
    assert line["message"] == "Booting worker with pid: 7"
    assert line["log.level"] == "warning"
    assert line["log"]["logger"] == "gunicorn.error"


def test_foreign_record_tells_of_its_exception(book: LogBook) -> None:
    try:
        raise KeyError(SECRET)
    except KeyError:
        logging.getLogger("elsewhere").exception("it failed")

    error = book.line()["error"]
    assert error["type"] == "KeyError"
    assert error["stack_trace"].startswith("Traceback")
    assert SECRET not in book.text()


@pytest.mark.parametrize("exc_info", [True, "the error"])
def test_event_tells_of_its_exception(book: LogBook, exc_info: Any) -> None:
    try:
        raise ValueError("lost")
    except ValueError as error:
        given = True if exc_info is True else error
        structlog.get_logger().error("request_failed", exc_info=given)

    assert book.line()["error"]["type"] == "ValueError"
    assert "test_pipeline.py" in book.line()["error"]["stack_trace"]


def test_event_without_an_exception_to_tell_of_is_written_all_the_same(book: LogBook) -> None:
    structlog.get_logger().error("request_failed", exc_info=True)

    assert "error" not in book.line()


def test_extra_fields_of_a_foreign_record_never_leak(book: LogBook) -> None:
    """Libraries put whole requests and task arguments there."""
    logging.getLogger("elsewhere").info("done", extra={"data": {"args": SECRET}})

    assert SECRET not in book.text()


@pytest.mark.parametrize("logger", ["celery.worker.strategy", "celery.app.trace", "mail.log"])
def test_records_that_repeat_our_events_with_data_in_them_are_not_written(
    book: LogBook, logger: str
) -> None:
    structlog.get_logger().info("job_started")

    logging.getLogger(logger).info("Task succeeded in 0.1s: %r", SECRET)

    assert SECRET not in book.text()


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            f"Invalid request from ip=::1: Invalid HTTP request line: '{SECRET}'",
            "Invalid request from ip=::1: Invalid HTTP request line",
        ),
        (
            f"Invalid request from ip=10.0.0.1: Invalid HTTP header name: '{SECRET}\n{SECRET}'",
            "Invalid request from ip=10.0.0.1: Invalid HTTP header name",
        ),
        (
            "Invalid request from ip=10.0.0.1: Request Line is too large (8192 > 4094)",
            "Invalid request from ip=10.0.0.1: Request Line is too large (8192 > 4094)",
        ),
        ("Booting worker with pid: 7", "Booting worker with pid: 7"),
    ],
)
def test_complaint_about_an_unreadable_request_does_not_quote_it(
    book: LogBook, message: str, line: str
) -> None:
    """What looks like a request's first line may be the rest of a body."""
    logging.getLogger("gunicorn.error").warning(message)

    assert book.line()["message"] == line


def test_complaint_about_an_unreadable_message_does_not_repeat_it(book: LogBook) -> None:
    """Celery quotes body and headers of a message whose kind it does not know."""
    logging.getLogger("celery.worker.consumer.consumer").error(
        "Received unregistered task of type %s.\n\nThe full contents of the message body:\n%s\n",
        "'newer.kind'",
        [{"recipient": SECRET}],
    )

    assert book.line()["message"] == "Received unregistered task of type 'newer.kind'."
    assert SECRET not in book.text()


def test_error_among_the_arguments_of_a_record_is_named_and_not_quoted(book: LogBook) -> None:
    logging.getLogger("celery.worker.request").error("Task raised: %r", ValueError(SECRET))

    assert book.line()["message"] == "Task raised: 'ValueError'"


def test_error_of_a_server_is_quoted(book: LogBook) -> None:
    """Without its text nobody would know what is wrong."""
    error = ConnectionRefusedError(111, "Connection refused", "a file's name")

    logging.getLogger("celery.worker").error("Cannot connect: %s", error)

    assert book.line()["message"] == "Cannot connect: [Errno 111] Connection refused"


def test_debug_lines_of_a_share_of_the_traces_are_written(tmp_path: Path) -> None:
    book = LogBook(tmp_path, log_level="DEBUG", log_debug_share=0.5)

    for trace_id in ("1" * 32, "e" * 32):
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        for _ in range(2):
            structlog.get_logger().debug("chatter")
        structlog.get_logger().info("news")

    seen = [(line["trace"]["id"][0], line["message"]) for line in book.lines()]
    assert seen == [("1", "chatter"), ("1", "chatter"), ("1", "news"), ("e", "news")]


@pytest.mark.parametrize("trace", [{}, {"trace_id": None}, {"trace_id": "order 5"}])
@pytest.mark.parametrize(("chance", "is_kept"), [(0.4, True), (0.6, False)])
def test_debug_line_without_a_trace_is_written_by_chance(
    chance: float, is_kept: bool, trace: dict[str, Any]
) -> None:
    keep = sample_debug(0.5, lambda: chance)

    try:
        kept = bool(keep(None, "debug", {"event": "chatter", **trace}))
    except structlog.DropEvent:
        kept = False

    assert kept is is_kept


def test_level_of_the_settings_applies_to_both_kinds(tmp_path: Path) -> None:
    book = LogBook(tmp_path, log_level="WARNING")

    structlog.get_logger().info("quiet")
    logging.getLogger("elsewhere").info("quiet")
    structlog.get_logger().warning("loud")
    logging.getLogger("elsewhere").warning("loud")

    assert [line["message"] for line in book.lines()] == ["loud", "loud"]


def test_warning_of_python_becomes_a_line(book: LogBook) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old way", DeprecationWarning, stacklevel=1)

    assert "old way" in book.line()["message"]


def test_error_that_ends_a_thread_becomes_a_line(book: LogBook) -> None:
    def fail() -> None:
        raise RuntimeError("nobody catches this")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

    assert book.line()["event"]["action"] == "process_failed"
    assert book.line()["error"]["type"] == "RuntimeError"


def test_error_that_ends_the_process_becomes_a_line_and_is_shown(
    book: LogBook, capsys: pytest.CaptureFixture[str]
) -> None:
    error = RuntimeError("the end")

    sys.excepthook(RuntimeError, error, None)

    assert book.line()["log.level"] == "critical"
    assert book.line()["error"]["type"] == "RuntimeError"
    assert "RuntimeError: the end" in capsys.readouterr().err


def test_ctrl_c_is_no_error(book: LogBook) -> None:
    structlog.get_logger().info("job_started")

    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert len(book.lines()) == 1


class Mute:
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    "value",
    [
        Mute(),
        {"in": Mute()},
        "half a \ud800 pair",
        2**70,
        b"\xff",
        {1: object()},
        float("nan"),
        "nul \x00",
    ],
)
def test_value_that_json_cannot_hold_loses_no_line_and_raises_nothing(
    book: LogBook, value: Any
) -> None:
    structlog.get_logger().info(
        "odd_event", path=value, duration_ns=value, queue=value, owner=value, odd=value
    )

    assert book.line()["event"]["action"] == "odd_event"


def test_exception_whose_text_json_cannot_hold_loses_no_line(book: LogBook) -> None:
    try:
        raise OSError("no file \udcff.jpg")
    except OSError as error:
        structlog.get_logger().error("request_failed", exc_info=error)

    assert book.line()["error"]["type"] == "OSError"


def test_foreign_record_that_does_not_fit_its_arguments_raises_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = LogBook(tmp_path)  # made here, so that pytest's own handler is gone

    logging.getLogger("elsewhere").info("%d jobs", "many")
    logging.getLogger("elsewhere").info("%d jobs", 2)

    assert book.line()["message"] == "2 jobs"
    assert "Logging error" in capsys.readouterr().err


def test_whoever_captures_is_told_every_line_with_its_level_and_time(book: LogBook) -> None:
    told: list[Any] = []

    with capturing(lambda event: told.append(dict(event))):
        structlog.get_logger().info("page_read", number=1)
        logging.getLogger("elsewhere").warning("done")
        structlog.get_logger().debug("below the level")
    structlog.get_logger().info("afterwards")

    assert [event.get("message", event["event"]) for event in told] == ["page_read", "done"]
    assert [event["level"] for event in told] == ["info", "warning"]
    assert [event["timestamp"] for event in told] == [
        line["@timestamp"] for line in book.lines()[:2]
    ]


def test_whoever_captures_is_told_what_the_file_is_not(book: LogBook) -> None:
    """A job's own log is for who may see the job."""
    told: list[Any] = []
    error = ValueError(SECRET)

    with capturing(lambda event: told.append(dict(event))):
        structlog.get_logger().error("page_failed", exc_info=error, recipient=SECRET)
        logging.getLogger("elsewhere").error("No page: %s", error, exc_info=error)

    assert [event[ERROR] for event in told] == [error, error]
    assert told[0]["recipient"] == SECRET
    assert told[1][MESSAGE] == f"No page: {SECRET}"
    assert SECRET not in book.text()
    assert "captured" not in book.text()


def test_people_at_the_terminal_get_a_readable_copy(
    book: LogBook, capfd: pytest.CaptureFixture[str]
) -> None:
    structlog.get_logger().info("job_started", job_id="j1")

    copy = capfd.readouterr().err
    assert "job_started" in copy
    assert "j1" in copy
    assert not copy.startswith("{")
    assert book.lines()


def test_what_a_request_puts_into_its_path_moves_no_cursor(
    book: LogBook, capfd: pytest.CaptureFixture[str]
) -> None:
    structlog.get_logger().info("http_request", path="/\x1b[2J\r\x9b1m")

    assert "/?[2J??1m" in capfd.readouterr().err
    assert book.line()["url"]["path"] == "/\x1b[2J\r\x9b1m"


def test_where_nobody_watches_only_trouble_is_copied(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    LogBook(tmp_path, is_watched=False)

    structlog.get_logger().info("job_started", job_id="j1")
    structlog.get_logger().warning("outcome_refused", job_id="j2")

    copy = capfd.readouterr().err
    assert "job_started" not in copy
    assert "outcome_refused" in copy


def test_production_writes_files_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    book = LogBook(tmp_path, environment="production", **SECRETS)

    structlog.get_logger().info("job_started")

    assert capfd.readouterr().err == ""
    assert book.line()["service"]["environment"] == "production"


def _log_some(number: int) -> None:
    for _ in range(number):
        structlog.get_logger().info("from_a_child")


def test_ids_of_lines_are_unique_over_forked_processes(book: LogBook) -> None:
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_log_some, args=(20,)) for _ in range(3)]

    for child in children:
        child.start()
    _log_some(20)
    for child in children:
        child.join()

    ids = [line["event"]["id"] for line in book.lines()]
    # From Python 3.12 on, each fork beside other threads adds a warning, which is a line too.
    ours = [line for line in book.lines() if line["event"].get("action") == "from_a_child"]
    assert len(ids) == len(set(ids))
    assert len(ours) == 80
