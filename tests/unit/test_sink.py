"""The log file: whole lines, whatever happens to the file, its disk or its writers."""

import fcntl
import json
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from project.observability.sink import LogFile, Rotation, lines_together
from tests.faults.log_writers import Plan, run

OLD = b'{"@timestamp":"2026-01-01T00:00:00.000000Z","n":1}\n'

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


def rotated_of(path: Path) -> list[Path]:
    """The files that were set aside, the oldest first."""
    return sorted(path.parent.glob(f"{path.name}.*"))


def test_full_file_is_set_aside_under_the_time_of_its_rotation(tmp_path: Path) -> None:
    path = tmp_path / "web.host.jsonl"
    log = LogFile(path, Rotation(max_bytes=100))

    for number in range(5):
        log.write(b"%d" % number * 39 + b"\n")

    first, second = rotated_of(path)
    assert first.read_bytes() == b"0" * 39 + b"\n" + b"1" * 39 + b"\n"
    assert second.read_bytes() == b"2" * 39 + b"\n" + b"3" * 39 + b"\n"
    assert path.read_bytes() == b"4" * 39 + b"\n"
    assert first.match("web.host.jsonl.20*Z")


def test_line_that_is_longer_than_a_file_may_be_has_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    log = LogFile(path, Rotation(max_bytes=10))

    log.write(b"short\n")
    log.write(b"x" * 50 + b"\n")

    assert [file.read_bytes() for file in rotated_of(path)] == [b"short\n"]
    assert path.read_bytes() == b"x" * 50 + b"\n"


def test_file_whose_first_line_is_old_is_set_aside(tmp_path: Path) -> None:
    """Its own first line tells its age: processes come and go."""
    path = tmp_path / "web.jsonl"
    path.write_bytes(OLD)

    LogFile(path, Rotation(max_bytes=10**6, max_age_seconds=3600)).write(b"new\n")

    assert [file.read_bytes() for file in rotated_of(path)] == [OLD]
    assert path.read_bytes() == b"new\n"


def test_file_is_left_alone_where_logrotate_does_it(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    path.write_bytes(OLD)

    LogFile(path, Rotation(max_bytes=0)).write(b"new\n")

    assert path.read_bytes() == OLD + b"new\n"


def test_oldest_files_are_removed_and_none_but_those_of_its_own_rotation(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    others = [tmp_path / name for name in ("web.jsonl.1", "web.jsonl.gz", "worker.jsonl.1")]
    for other in others:
        other.touch()
    log = LogFile(path, Rotation(max_bytes=4, kept=2))

    for number in range(6):
        log.write(b"%d...\n" % number)

    kept = [file.read_bytes() for file in rotated_of(path) if file not in others]
    assert kept == [b"3...\n", b"4...\n"]
    assert all(other.exists() for other in others)


def test_files_of_hosts_that_are_no_more_are_removed_in_time(tmp_path: Path) -> None:
    """Each container has a name of its own, and so have its files."""
    for name, days in (("web.gone.jsonl", 3), ("web.new.jsonl", 1), ("worker.gone.jsonl", 3)):
        (tmp_path / name).touch()
        written_at = time.time() - days * 86_400
        os.utime(tmp_path / name, (written_at, written_at))
    log = LogFile(tmp_path / "web.host.jsonl", Rotation(max_bytes=4, kept=2))

    log.write(b"one\n")
    log.write(b"two\n")

    assert {path.name for path in tmp_path.glob("*.jsonl")} == {
        *("web.host.jsonl", "web.new.jsonl", "worker.gone.jsonl")
    }


def test_torn_end_becomes_a_blank_line_before_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2,"mess')

    LogFile(path).write(b'{"n":3}\n')

    lines = path.read_bytes().splitlines()
    assert lines == [b'{"n":1}', b" " * 12, b'{"n":3}']


def test_torn_end_that_is_all_of_the_file_becomes_blank_too(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    path.write_bytes(b"x" * 200_000)

    LogFile(path).write(b'{"n":3}\n')

    assert path.read_bytes().split() == [b'{"n":3}']


def test_torn_end_is_no_part_of_a_file_that_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2,"mess')

    LogFile(path, Rotation(max_bytes=10)).write(b'{"n":3}\n')

    (rotated,) = rotated_of(path)
    assert rotated.read_bytes().split() == [b'{"n":1}']
    assert path.read_bytes() == b'{"n":3}\n'


def test_writer_that_was_halted_in_a_write_does_not_hold_up_the_others(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    log = LogFile(path)
    log.write(b"one\n")
    with path.open("ab") as halted:
        fcntl.flock(halted, fcntl.LOCK_EX)

        log.write(b"two\n")

    assert path.read_bytes() == b"one\ntwo\n"


def _in_child(action: Callable[[], None]) -> None:
    process = multiprocessing.get_context("fork").Process(target=action)
    process.start()
    process.join()
    assert process.exitcode == 0


def _times_open(path: Path) -> int:
    """How many of this process's descriptors are that file."""
    links = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    return links.count(str(path))


def test_child_opens_the_file_anew(tmp_path: Path) -> None:
    """With its parent's descriptor it would share the lock."""
    path = tmp_path / "web.jsonl"
    log = LogFile(path)
    log.write(b"one\n")

    def check() -> None:
        assert _times_open(path) == 0
        log.write(b"two\n")
        assert _times_open(path) == 1

    _in_child(check)

    assert path.read_bytes() == b"one\ntwo\n"


def test_line_of_which_the_disk_takes_a_part_is_whole_on_stderr(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "web.jsonl"
    log = LogFile(path)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        log.write(b'{"n":1}\n')
        log.write(b'{"n":2}\n')
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        log.write(b'{"n":3}\n')

    _in_child(fill)

    assert capfdbinary.readouterr().err == b'{"n":2}\n'
    assert path.read_bytes().split() == [b'{"n":1}', b'{"n":3}']


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user of the machine can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def test_file_in_a_read_only_folder_is_written_although_it_cannot_be_set_aside(
    open_folder: Path,
) -> None:
    path = open_folder / "web.jsonl"
    path.write_bytes(b"one\n")
    path.chmod(0o666)
    open_folder.chmod(0o555)

    def write() -> None:
        if os.getuid() == 0:  # who may everything
            os.setuid(65534)
        LogFile(path, Rotation(max_bytes=4)).write(b"two\n")

    _in_child(write)

    assert path.read_bytes() == b"one\ntwo\n"
    assert rotated_of(path) == []


def test_no_line_is_lost_or_torn_where_writers_rotate_and_are_killed(tmp_path: Path) -> None:
    """In small; `make soak-logs` writes 200,000 lines."""
    verdict = run(Plan(tmp_path, writers=3, lines=300, kills=6, max_bytes=500_000, long_share=0.1))

    assert verdict.is_good, verdict
    assert verdict.acknowledged == 900
    assert verdict.rotations >= 5


class Restless(LogFile):
    """On a file system whose files have another identity each time."""

    def _find_size(self) -> int:
        return -1


def test_file_that_is_never_the_one_that_was_opened_holds_nobody_up(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    Restless(tmp_path / "web.jsonl").write(b"important\n")

    assert capfdbinary.readouterr().err == b"important\n"


def test_lines_of_a_block_are_one_write_and_only_those_of_its_thread(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"
    log = LogFile(path)

    with lines_together():
        log.write(b"one\n")
        with lines_together():
            log.write(b"two\n")
        other = threading.Thread(target=log.write, args=(b"other\n",))
        other.start()
        other.join()
        assert path.read_bytes() == b"other\n"
    log.write(b"three\n")

    assert path.read_bytes() == b"other\none\ntwo\nthree\n"


def test_lines_of_a_block_that_fails_are_written(tmp_path: Path) -> None:
    path = tmp_path / "web.jsonl"

    with pytest.raises(KeyError), lines_together():
        LogFile(path).write(b"one\n")
        raise KeyError

    assert path.read_bytes() == b"one\n"
