"""The log file: whole lines, whatever happens to the file."""

import json
import multiprocessing
from pathlib import Path

import pytest

from project.observability.sink import LogFile

PROCESSES = 3
LINES = 200
# Longer than a pipe keeps whole (4096 bytes): files do.
LONGEST_LINE = 20_000


def test_lines_are_appended_in_order(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    path.write_bytes(b"before\n")

    log = LogFile(path)
    log.write(b"one\n")
    log.write(b"two\n")

    assert path.read_bytes() == b"before\none\ntwo\n"


def test_missing_folder_is_made(tmp_path: Path) -> None:
    LogFile(tmp_path / "a" / "b" / "web.jsonl").write(b"one\n")

    assert (tmp_path / "a" / "b" / "web.jsonl").read_bytes() == b"one\n"


def test_renamed_file_is_left_for_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    log = LogFile(path)
    log.write(b"old\n")

    path.rename(tmp_path / "web.jsonl.1")
    log.write(b"new\n")

    assert (tmp_path / "web.jsonl.1").read_bytes() == b"old\n"
    assert path.read_bytes() == b"new\n"


def test_file_that_another_process_made_after_a_rename_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    log = LogFile(path)
    log.write(b"old\n")

    path.rename(tmp_path / "web.jsonl.1")
    path.write_bytes(b"from elsewhere\n")
    log.write(b"new\n")

    assert path.read_bytes() == b"from elsewhere\nnew\n"


def _write_lines(path: Path, writer: int) -> None:
    log = LogFile(path)
    for number in range(LINES):
        padding = "x" * (number * 97 % LONGEST_LINE)
        log.write(json.dumps([writer, number, padding]).encode() + b"\n")


def test_lines_of_several_processes_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    fork = multiprocessing.get_context("fork")
    writers = [
        fork.Process(target=_write_lines, args=(path, number)) for number in range(PROCESSES)
    ]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    found = [tuple(json.loads(line)[:2]) for line in path.read_text().splitlines()]
    assert sorted(found) == [(w, n) for w in range(PROCESSES) for n in range(LINES)]


@pytest.mark.parametrize("place", ["a file is in the way", "the disk is full"])
def test_line_that_cannot_be_written_goes_to_stderr(
    place: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "web.jsonl" if "file" in place else Path("/dev/full")

    LogFile(path).write(b"important\n")

    assert capfdbinary.readouterr().err == b"important\n"


def test_writing_goes_on_when_the_trouble_is_over(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    obstacle = tmp_path / "logs"
    obstacle.touch()
    log = LogFile(obstacle / "web.jsonl")
    log.write(b"lost to stderr\n")

    obstacle.unlink()
    log.write(b"written\n")

    assert (obstacle / "web.jsonl").read_bytes() == b"written\n"
    assert capfdbinary.readouterr().err == b"lost to stderr\n"
