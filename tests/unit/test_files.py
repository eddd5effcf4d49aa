"""The store of files: our names only, nothing half-written, nothing kept for ever."""

import io
import os
import re
import resource
import signal
import time
from collections.abc import Collection
from pathlib import Path
from uuid import uuid4

import pytest

from project.errors import NotFoundError, TooLargeError, UnavailableError
from project.files import TYPES, FileStore, find_type
from project.files.job_files import open_files
from tests.builders import a_picture

DAY = 24 * 3600


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path / "files"))


def files_in(store: FileStore) -> list[Path]:
    return [path for path in Path(store.url).rglob("*") if path.is_file()]


def nothing_held(file_ids: Collection[str]) -> set[str]:
    return set()


def take(store: FileStore, content: bytes, max_bytes: int | None = None) -> str:
    return store.take(io.BytesIO(content), max_bytes).id


def make_old(store: FileStore, file_id: str) -> None:
    two_days_ago = time.time() - 2 * DAY
    os.utime(store.path(file_id), (two_days_ago, two_days_ago))


def test_file_that_was_sent_is_found_by_its_id(store: FileStore) -> None:
    content = os.urandom(3 * 1024 * 1024 + 1)

    taken = store.take(io.BytesIO(content))

    assert store.path(taken.id).read_bytes() == content
    assert store.open(taken.id).read() == content
    assert (taken.size_bytes, store.size(taken.id)) == (len(content), len(content))


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (a_picture("JPEG"), ".jpg"),
        (a_picture("PNG"), ".png"),
        (a_picture("GIF"), ".gif"),
        (a_picture("WEBP"), ".webp"),
        (a_picture("AVIF"), ".avif"),
        (b"PAR1 and the rest", ".parquet"),
        (b"%PDF-1.7", ".pdf"),
        (b"a,b\n1,2\n", ".csv"),
        (b"a;b\n1;2\n", ".csv"),
        ("größe,b\n1,2\n".encode("latin-1"), ".csv"),
        ("a,b\n1,2\n".encode("utf-16"), ".txt"),
        (b"Dear reader", ".txt"),
        (b"<html><script>alert(1)</script></html>", ".txt"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ".txt"),
        (b"PK\x03\x04\x00", ".bin"),
        (b"\x7fELF\x02\x01\x01\x00", ".bin"),
        (b"", ".bin"),
    ],
)
def test_type_is_found_from_the_bytes(store: FileStore, content: bytes, suffix: str) -> None:
    assert take(store, content).endswith(suffix)


def test_type_is_found_however_small_the_pieces_are_in_which_it_comes(store: FileStore) -> None:
    class Trickling(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 1, 3))

    assert store.take(Trickling(a_picture("PNG"))).id.endswith(".png")


def test_what_a_client_sends_is_never_a_sheet_or_a_model() -> None:
    heads = [b"<html>", b"<svg>", b"<?xml?>", b"{}", b"PK\x03\x04", b"\x80\x05", b"a,b\nc,d"]

    assert not {find_type(head).suffix for head in heads} & {".html", ".svg", ".skops", ".xml"}


def test_file_beyond_the_limit_is_refused_and_leaves_nothing(store: FileStore) -> None:
    with pytest.raises(TooLargeError, match="at most 10 bytes"):
        take(store, b"x" * 11, 10)

    assert files_in(store) == []


def test_file_as_large_as_the_limit_is_taken(store: FileStore) -> None:
    assert store.size(take(store, b"x" * 10, 10)) == 10


def test_written_bytes_are_found_by_their_id(store: FileStore) -> None:
    file_id = store.write(b"content", ".webp")

    assert store.path(file_id).read_bytes() == b"content"
    assert store.type(file_id).content_type == "image/webp"


def test_id_is_random_and_says_the_type(store: FileStore) -> None:
    one, other = store.write(b"x", ".png"), store.write(b"x", ".png")

    assert one != other
    assert re.fullmatch(r"[0-9a-f]{32}\.png", one)


def test_failed_copy_leaves_nothing_behind(store: FileStore) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise OSError("the client has gone")
            return super().read(size and 1)

    with pytest.raises(OSError, match="gone"):
        store.take(Broken(b"xx"))

    assert files_in(store) == []


def test_full_disk_is_no_fault_of_the_file_and_leaves_nothing(store: FileStore) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, most))  # what is longer cannot be written
    try:
        with pytest.raises(UnavailableError, match="file store"):
            take(store, b"x" * 2_000_000)
        with pytest.raises(UnavailableError, match="file store"):
            store.write(b"x" * 2_000_000, ".png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        signal.signal(signal.SIGXFSZ, handler)

    assert files_in(store) == []


def test_good_copy_leaves_no_second_file(store: FileStore) -> None:
    file_id = take(store, b"x")

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
    (Path(store.url) / "aa").mkdir(parents=True)
    (Path(store.url) / "aa" / ("a" * 32)).touch()
    (Path(store.url) / "aa" / ("a" * 32 + ".part")).touch()
    (Path(store.url) / "aa" / ("a" * 32 + ".jpg.exe")).touch()

    for read in (store.path, store.open, store.size):
        with pytest.raises(NotFoundError):
            read(file_id)


def test_deleted_file_is_gone_and_may_be_deleted_again(store: FileStore) -> None:
    file_id = store.write(b"x", ".png")

    store.delete(file_id)
    store.delete(file_id)

    assert files_in(store) == []


def test_sweep_removes_what_is_older_and_held_by_nobody(store: FileStore) -> None:
    old, held, new = (store.write(b"x", ".png") for _ in range(3))
    make_old(store, old)
    make_old(store, held)

    assert store.sweep(DAY, lambda _: {held}) == [old]
    assert set(files_in(store)) == {store.path(new), store.path(held)}


def test_sweep_asks_only_for_files_that_are_old_enough(store: FileStore) -> None:
    old, _new = store.write(b"x", ".png"), store.write(b"x", ".png")
    make_old(store, old)
    asked: list[str] = []

    store.sweep(DAY, lambda file_ids: set(asked.extend(file_ids) or ()))

    assert asked == [old]


def test_sweep_of_a_store_without_files_removes_nothing(store: FileStore) -> None:
    assert store.sweep(DAY, nothing_held) == []


def test_sweep_removes_what_was_never_there_as_a_whole(store: FileStore) -> None:
    left = Path(store.url) / "incoming" / "left"
    left.parent.mkdir(parents=True)
    left.touch()
    os.utime(left, (0, 0))

    store.sweep(DAY, nothing_held)

    assert files_in(store) == []


def test_sweep_goes_on_when_a_file_vanishes_meanwhile(store: FileStore) -> None:
    old, vanishing = store.write(b"x", ".png"), store.write(b"x", ".png")
    make_old(store, old)
    make_old(store, vanishing)

    def find_held(_: Collection[str]) -> set[str]:
        store.delete(vanishing)
        return set()

    assert store.sweep(DAY, find_held) == [old]


def test_every_type_has_a_suffix_that_an_id_can_have(store: FileStore) -> None:
    for suffix in TYPES:
        store.path(store.write(b"x", suffix))


# ── What a job sees ────────────────────────────────────────────────────────────────────────────


def test_files_of_an_attempt_that_succeeds_stay_and_its_folder_goes(store: FileStore) -> None:
    held: list[str] = []

    with open_files(store, uuid4().hex, held.append) as files:
        drawn = files.folder / "drawing.png"
        drawn.write_bytes(b"drawn")
        kept = [files.add(drawn), files.write(b"x", ".csv")]
        folder = files.folder

    assert held == kept
    assert store.path(kept[0]).read_bytes() == b"drawn"
    assert not folder.exists()


def test_files_of_an_attempt_that_fails_go_with_its_folder(store: FileStore) -> None:
    with pytest.raises(RuntimeError), open_files(store, uuid4().hex) as files:
        files.write(b"x", ".csv")
        folder = files.folder
        (folder / "half").touch()
        raise RuntimeError

    assert files_in(store) == []
    assert not folder.exists()


def test_next_attempt_begins_with_an_empty_folder(store: FileStore) -> None:
    """One that was killed could not clean up."""
    name = uuid4().hex
    with open_files(store, name) as killed:
        (killed.folder / "left").touch()

        with open_files(store, name) as files:
            assert list(files.folder.iterdir()) == []
