"""What job code prints: one record a line, and no print hurts who prints."""

import io
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.worker.printing import PrintedLines, flush_prints, redirect_prints


class Collector(logging.Handler):
    """Keeps levels and texts; may print itself, as a handler does that has failed."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []
        self.terminal = io.StringIO()
        self.out = PrintedLines(logging.getLogger("jobs.print"), logging.INFO, self.terminal)
        self.says = ""

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.lines]

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname, record.getMessage()))
        if self.says:
            print(self.says, file=self.out)


@pytest.fixture
def collector() -> Iterator[Collector]:
    logger, handler = logging.getLogger("jobs.print"), Collector()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_print_is_one_record_however_many_parts_it_has(collector: Collector) -> None:
    print("three", "parts", 3, file=collector.out)

    assert collector.lines == [("INFO", "three parts 3")]


def test_text_of_many_lines_is_many_records_without_the_empty_ones(collector: Collector) -> None:
    print("one\n\n  two\r\nthree % {}", file=collector.out)

    assert collector.texts == ["one", "  two", "three % {}"]


def test_line_without_an_end_is_logged_once_when_it_is_flushed(collector: Collector) -> None:
    print("to be", end="", file=collector.out)
    assert collector.texts == []

    collector.out.flush()
    collector.out.flush()

    assert collector.texts == ["to be"]


def test_endless_line_is_logged_in_pieces(collector: Collector) -> None:
    for _ in range(30):
        print("x" * 1000, end="", file=collector.out)

    assert len(collector.texts) == 3


def test_threads_do_not_mix_their_lines(collector: Collector) -> None:
    print("one ", end="", file=collector.out)
    other = threading.Thread(target=print, args=("other",), kwargs={"file": collector.out})
    other.start()
    other.join()
    print("line", file=collector.out)

    assert collector.texts == ["other", "one line"]


def test_handler_that_prints_does_not_go_round_in_circles(collector: Collector) -> None:
    collector.says = "I have failed"

    print("hello", file=collector.out)

    assert collector.texts == ["hello"]
    assert collector.terminal.getvalue() == "I have failed\n"


def test_both_outputs_are_redirected_each_at_its_level(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    redirect_prints()

    sys.stdout.write("said")
    sys.stderr.write("complained")
    flush_prints()

    assert collector.lines == [("INFO", "said"), ("WARNING", "complained")]


def test_programs_that_a_job_starts_get_the_descriptor_behind(
    collector: Collector, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w") as file:
        out = PrintedLines(logging.getLogger("jobs.print"), logging.INFO, file)
        subprocess.run([sys.executable, "-c", "print('child')"], stdout=out, check=True)

    assert (tmp_path / "out").read_text() == "child\n"
    assert collector.texts == []
