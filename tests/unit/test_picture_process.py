"""The process for pictures, as a job uses it: it ends with its job, or tells why it ended."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from project.errors import CancelledError, PermanentError, TemporaryError
from project.jobs.image_thumbnail.process import PictureProcess
from tests.builders import a_picture, png


def ignore() -> None:
    """Nobody cancels."""


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "picture.png"
    path.write_bytes(a_picture("PNG"))
    return str(path)


def children() -> set[int]:
    """The processes that this one has started, and that it has not waited for."""
    return {child.pid for child in psutil.Process().children()}


def test_one_process_answers_one_request_after_the_other(picture: str, tmp_path: Path) -> None:
    before = children()

    with PictureProcess(ignore) as process:
        read = process.ask("read", path=picture, longest=64)
        started = children() - before
        made = process.ask("make", path=str(tmp_path / "a"), size=20, kind="png", quality=80)
        assert children() - before == started

    assert (read["width"], made["width"]) == (40, 20)
    assert len(started) == 1
    assert children() <= before


def test_picture_at_fault_is_refused_and_the_process_goes_on(picture: str, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(png(60_000, 60_000))

    with PictureProcess(ignore) as process:
        with pytest.raises(PermanentError, match="pixels"):
            process.ask("read", path=str(large), longest=64)
        assert process.ask("read", path=picture, longest=64)["width"] == 40


def test_cancel_ends_the_process_in_the_midst_of_its_work(tmp_path: Path) -> None:
    """Who writes the picture never comes: the process waits for it as it would compute."""
    endless = tmp_path / "endless"
    os.mkfifo(endless)
    before = children()

    def cancel() -> None:
        raise CancelledError("The job was asked to stop.")

    with pytest.raises(CancelledError), PictureProcess(cancel) as process:
        process.ask("read", path=str(endless), longest=64)

    assert children() <= before


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (signal.SIGKILL, TemporaryError),
        (signal.SIGSEGV, PermanentError),
        (signal.SIGABRT, PermanentError),
        (signal.SIGXCPU, PermanentError),
    ],
)
def test_process_that_ended_is_told_of_and_started_again(
    picture: str, tmp_path: Path, number: signal.Signals, error: type[Exception]
) -> None:
    """The kernel kills where memory lacks, which may pass; other ends are the picture's doing."""
    endless = tmp_path / "endless"
    os.mkfifo(endless)
    before = children()

    hurt: set[int] = set()

    def hurt_once() -> None:
        for child in [] if hurt else children() - before:
            os.kill(child, number)
            hurt.add(child)

    with PictureProcess(hurt_once) as process:
        with pytest.raises(error):
            process.ask("read", path=str(endless), longest=64)
        assert process.ask("read", path=picture, longest=64)["width"] == 40


def test_process_inherits_no_environment_and_no_connection(
    picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_SECRET_KEY", "secret")
    before = children()

    with PictureProcess(ignore) as process:
        process.ask("read", path=picture, longest=64)
        (child,) = children() - before
        environment = psutil.Process(child).environ()
        connections = psutil.Process(child).net_connections("all")

    assert not [name for name in environment if name.startswith("JOBS_")]
    assert connections == []
