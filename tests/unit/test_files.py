"""The store of files: our names only, nothing half-written, nothing kept for ever."""

import io
import os
import re
import time
from pathlib import Path

import pytest

from project.errors import NotFoundError
from project.files import CONTENT_TYPES, FileStore

DAY = 24 * 3600


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def files_in(store: FileStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def test_saved_stream_is_found_by_its_id(store: FileStore) -> None:
    content = os.urandom(3 * 1024 * 1024 + 1)

    file_id = store.save(io.BytesIO(content), ".jpg")

    assert store.path(file_id).read_bytes() == content


def test_written_bytes_are_found_by_their_id(store: FileStore) -> None:
    file_id = store.write(b"content", ".webp")

    assert store.path(file_id).read_bytes() == b"content"
    assert store.content_type(file_id) == "image/webp"


def test_id_is_random_and_says_the_type(store: FileStore) -> None:
    one, other = store.write(b"x", ".png"), store.write(b"x", ".png")

    assert one != other
    assert re.fullmatch(r"[0-9a-f]{32}\.png", one)


def test_failed_save_leaves_nothing_behind(store: FileStore) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise OSError("the client has gone")
            return super().read(size and 1)

    with pytest.raises(OSError, match="gone"):
        store.save(Broken(b"xx"), ".jpg")

    assert files_in(store) == []


def test_good_save_leaves_no_second_file(store: FileStore) -> None:
    file_id = store.save(io.BytesIO(b"x"), ".jpg")

    assert files_in(store) == [store.path(file_id)]


@pytest.mark.parametrize(
    "file_id",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "a" * 32,
        "A" * 32 + ".jpg",
        "a" * 32 + ".jpg\n",
        "a" * 32 + ".part",
        "a" * 32 + ".jpg/../x",
        "a" * 32 + ".jpg.exe",
        "a" * 31 + "\x00.jpg",
        "a" * 10_000,
        "a" * 32 + ".jpg",
    ],
)
def test_hostile_or_unknown_id_is_not_found(store: FileStore, file_id: str) -> None:
    (store.root / "aa").mkdir(parents=True)
    (store.root / "aa" / ("a" * 32)).touch()
    (store.root / "aa" / ("a" * 32 + ".part")).touch()
    (store.root / "aa" / ("a" * 32 + ".jpg.exe")).touch()

    with pytest.raises(NotFoundError):
        store.path(file_id)


def test_deleted_file_is_gone_and_may_be_deleted_again(store: FileStore) -> None:
    file_id = store.write(b"x", ".png")

    store.delete(file_id)
    store.delete(file_id)

    assert files_in(store) == []


def test_sweep_removes_what_is_older_and_nothing_else(store: FileStore) -> None:
    old, new = store.write(b"x", ".png"), store.write(b"x", ".png")
    two_days_ago = time.time() - 2 * DAY
    os.utime(store.path(old), (two_days_ago, two_days_ago))

    assert store.sweep(DAY) == 1
    assert files_in(store) == [store.path(new)]


def test_sweep_of_a_store_without_files_removes_nothing(store: FileStore) -> None:
    assert store.sweep(DAY) == 0


def test_sweep_goes_on_when_a_file_vanishes_meanwhile(store: FileStore) -> None:
    """A dangling link looks like a file that another process has removed after it was listed."""
    old = store.write(b"x", ".png")
    os.utime(store.path(old), (0, 0))
    (store.root / "aa").mkdir(exist_ok=True)
    (store.root / "aa" / "vanished.png").symlink_to(store.root / "nowhere")

    assert store.sweep(DAY) == 1


def test_every_type_has_a_suffix_that_an_id_can_have(store: FileStore) -> None:
    for suffix in CONTENT_TYPES:
        store.path(store.write(b"x", suffix))
