"""Bad files of every sort: the job says what is wrong, and nothing else happens.

Each file goes to every kind that reads such files: a kind is one line in `PICTURES` or `TABLES`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import bad_files
from tests.builders import png
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.process_tree import descendants, watched
from tests.tables import DICTIONARY_BOMB, csv_bytes, orders, parquet_bytes
from tests.waiting import wait_until

END_SECONDS = 60
MEBIBYTE = 1024 * 1024
MEMORY_BYTES = 300 * MEBIBYTE
"""No process of a worker may ever have had more: a third of it is the libraries."""
Kinds = dict[str, tuple[str, dict[str, Any]]]
"""Each with the parameter that is the file, and what else it needs."""
WORKERS = ("worker-short", "worker-long")

PICTURES: Kinds = {"image.thumbnail": ("picture", {})}
TABLES: Kinds = {
    "report.build": ("table", {}),
    "data.analyze": ("table", {}),
    "ml.train": ("table", {"target": "price"}),
}

Make = Callable[[], bytes]

BAD_PICTURES: dict[str, tuple[Make, str]] = {
    "JPEG, cut off": (lambda: cut("JPEG"), "damaged: it could not be read to its end"),
    "PNG, cut off": (lambda: cut("PNG"), "damaged: it could not be read to its end"),
    "GIF, cut off": (lambda: cut("GIF"), "damaged: it could not be read to its end"),
    "WebP, cut off": (lambda: cut("WEBP"), "damaged: it is cut off"),
    "AVIF, cut off": (lambda: cut("AVIF"), "damaged: it is cut off"),
    "60,000 × 60,000": (lambda: png(60_000, 60_000), "far too many pixels"),
    "a chunk of 2 GB": (bad_files.png_of_a_large_chunk, "damaged|too much memory"),
    "swelling text": (bad_files.png_of_swelling_text, "damaged"),
    "swelling profile": (bad_files.png_of_swelling_profile, "damaged"),
    "too few rows": (bad_files.png_of_too_few_rows, "damaged: it could not be read to its end"),
    "a GIF's large canvas": (bad_files.gif_of_a_large_canvas, "far too many pixels"),
    "a JPEG's large size": (lambda: bad_files.jpeg_of_another_size(65_500, 65_500), "too many"),
    "a WebP's large canvas": (bad_files.webp_of_a_large_canvas, "16384 × 16384 pixels"),
    "an AVIF's large size": (lambda: bad_files.avif_of_another_size(60_000, 60_000), "damaged"),
}
"""What the error says, as a regular expression."""

ODD_PICTURES: dict[str, Make] = {
    "10,000 frames": bad_files.gif_of_many_frames,
    "49 million pixels in 140 KB": bad_files.png_of_swelling_pixels,
    "a JPEG that claims to be larger": lambda: bad_files.jpeg_of_another_size(7_000, 7_000),
    "an AVIF that claims to be larger": lambda: bad_files.avif_of_another_size(5_000, 5_000),
}
"""What can be read all the same."""

BAD_TABLES: dict[str, tuple[Make, str]] = {
    "quote that is not closed": (
        lambda: bad_files.csv_with(b'1,"2024-01-01,Berlin,1'),
        "Line 3,000: a quote opens but is not closed",
    ),
    "text behind a quote": (
        lambda: bad_files.csv_with(b'1,2024-01-01,"Berlin" x,1,1,1,1,1,1'),
        "Line 3,000: a quote is not closed properly, because text follows",
    ),
    "ragged row": (
        lambda: bad_files.csv_with(b"1,2,3"),
        "Line 3,000 has 3 cells but the header has 9",
    ),
    "Latin-1": (lambda: bad_files.csv_in("latin-1"), "Line 2,000 is not UTF-8: byte 8 of it"),
    "zero byte": (lambda: bad_files.csv_with(b"1,a\0b"), "Line 3,000 contains a zero byte"),
    "UTF-16 that breaks off": (
        lambda: b"\xff\xfe" + "a,b\n1,2\n".encode("utf-16-le") + b"\0\xd8\0",
        "is not valid UTF-16-LE somewhere after line 1",
    ),
    "a line of 50 MB": (bad_files.csv_of_one_line, "Line 2 is longer than 10,000,000 bytes"),
    "600 columns": (bad_files.csv_of_columns, "Line 1 has 600 columns. .* at most 500"),
    "HTML page": (bad_files.html_page, "is an HTML page"),
    "letter": (lambda: b"Dear reader,\nhow are you?\n", "Line 2 has 1 cell but the header"),
    "blank lines": (lambda: b"\n\n \n", "no rows"),
    "header only": (lambda: csv_bytes("a,b"), "no rows"),
    "Parquet, cut off": (
        lambda: bad_files.cut_off(parquet_bytes(orders(1000))),
        "Parquet file is cut off at byte [0-9,]+",
    ),
    "Parquet, large footer": (
        bad_files.parquet_of_a_large_footer,
        "its footer claims 2,147,483,647 bytes",
    ),
    "Parquet, large page": (
        bad_files.parquet_of_a_large_page,
        "The table claims 2,147,483,647 decompressed bytes",
    ),
    "Parquet, dictionary bomb": (lambda: DICTIONARY_BOMB, 'texts of column "a" are too long'),
    "Parquet, lists only": (bad_files.parquet_of_lists, "no columns with plain values"),
}

REFUSED: dict[str, tuple[Kinds, Make, str]] = {
    "text as a picture": (PICTURES, lambda: b"I am a JPEG, really", "must be a picture"),
    "table as a picture": (PICTURES, lambda: csv_bytes("a,b", "1,2"), "must be a picture"),
    "picture as a table": (TABLES, lambda: bad_files.a_photograph("PNG"), "must be a table"),
    "gzip": (TABLES, bad_files.gzipped, "must be a table: CSV or Parquet"),
    "ZIP": (TABLES, bad_files.zipped, "must be a table: CSV or Parquet"),
    "ZIP of zeros": (TABLES, lambda: bad_files.zipped(size=100 * MEBIBYTE), "must be a table"),
    "XLSX": (TABLES, bad_files.xlsx, "must be a table: CSV or Parquet"),
    "UTF-16 without its mark": (TABLES, lambda: bad_files.csv_in("utf-16-le"), "must be a table"),
    "early zero byte": (TABLES, lambda: b"a,b\n1,\0\n", "must be a table: CSV or Parquet"),
}
"""Their type, which is found from their bytes, is one that no such kind takes."""

CASES = [
    pytest.param(kind, file, *bad, id=f"{kind}: {name}")
    for kinds, table in ((PICTURES, BAD_PICTURES), (TABLES, BAD_TABLES))
    for kind, file in kinds.items()
    for name, bad in table.items()
]


def cut(kind: str) -> bytes:
    """A picture of that format that is cut off."""
    return bad_files.cut_off(bad_files.a_photograph(kind))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the workers put files that are not to stay."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def system(isolated: IsolatedSystem, scratch: Path) -> Iterator[IsolatedSystem]:
    isolated.start_web()
    isolated.start_worker("worker-short")
    with isolated.restarted(TMPDIR=str(scratch)):
        isolated.start_worker("worker-long")
        yield isolated
        isolated.stop_process("worker-long")


@pytest.fixture
def workers(system: IsolatedSystem) -> tuple[int, ...]:
    """The workers' first processes."""
    return tuple(system.main_pid(role) for role in WORKERS)


@pytest.fixture
def _nothing_happens(
    system: IsolatedSystem, scratch: Path, workers: tuple[int, ...]
) -> Iterator[None]:
    """Afterwards there are the same processes, no larger than they may be, and no new files."""
    files, processes = system.files(), set().union(*map(descendants, workers))
    with watched(*workers) as peak:
        yield
        # The last process to go, and the last file, may do so just after the job has ended.
        wait_until(lambda: not _left_in(scratch), END_SECONDS, "the scratch folder to be empty")
        wait_until(
            lambda: set().union(*map(descendants, workers)) == processes,
            END_SECONDS,
            "the workers' processes to be the same",
        )
    assert peak.bytes < MEMORY_BYTES, f"{peak.bytes / MEBIBYTE:.0f} MiB"
    wait_until(lambda: len(system.files() - files) <= 1, END_SECONDS, "only what was sent")


def _left_in(scratch: Path) -> list[Path]:
    """But for the folder that all of a user's jobs share."""
    return [path for path in scratch.rglob("*") if path.parent != scratch]


def family_of(browser: Client, job_id: str) -> list[dict[str, Any]]:
    """The job and those that it has submitted, in full."""
    tree = browser.get(f"/api/v1/jobs/{job_id}/tree").json()["jobs"]
    return [browser.job(job["id"]) for job in tree]


@pytest.mark.usefixtures("_nothing_happens")
@pytest.mark.parametrize(("kind", "file", "make", "words"), CASES)
def test_bad_file_fails_its_job_once_and_is_named(
    system: IsolatedSystem, kind: str, file: tuple[str, dict[str, Any]], make: Make, words: str
) -> None:
    browser, (field, more) = system.open_page(), file
    file_id = browser.send_file(make())

    job_id = browser.submit(kind, {field: file_id, **more})["id"]
    job = browser.await_end(job_id, END_SECONDS)

    assert job["status"] == "failed"
    assert re.search(words, job["error"]["message"])
    for one in family_of(browser, job_id):
        assert one["status"] == "failed"
        ends = [attempt["outcome"] for attempt in one["attempts"]]
        assert [end for end in ends if end != "suspended"] == ["failed"]


@pytest.mark.usefixtures("_nothing_happens")
@pytest.mark.parametrize("name", ODD_PICTURES)
def test_odd_picture_is_read_within_the_same_bounds(system: IsolatedSystem, name: str) -> None:
    browser = system.open_page()
    picture = browser.send_file(ODD_PICTURES[name]())
    files = system.files()

    job = browser.submit("image.thumbnail", {"picture": picture})
    made = browser.await_status(job["id"], "succeeded", seconds=END_SECONDS)["result"]

    assert len(system.files() - files) == len(made["thumbnails"])
    for path in system.files() - files:
        path.unlink()


@pytest.mark.usefixtures("_nothing_happens")
@pytest.mark.parametrize("name", REFUSED)
def test_file_of_a_wrong_type_is_refused_with_the_submit(system: IsolatedSystem, name: str) -> None:
    kinds, make, words = REFUSED[name]
    browser = system.open_page()
    file_id = browser.send_file(make())

    for kind, (field, more) in kinds.items():
        job = {"kind": kind, "parameters": {field: file_id, **more}}
        answer = browser.post("/api/v1/jobs", json=job)

        assert answer.status_code == 400
        assert words in answer.json()["detail"]


@pytest.mark.usefixtures("_nothing_happens")
def test_workers_go_on_with_good_files(system: IsolatedSystem) -> None:
    browser = system.open_page()
    picture = browser.send_file(bad_files.a_photograph("AVIF"))

    job = browser.submit("image.thumbnail", {"picture": picture, "sizes": [64]})
    made = browser.await_status(job["id"], "succeeded", seconds=END_SECONDS)["result"]

    assert len(made["thumbnails"]) == 1
    for thumbnail in made["thumbnails"]:
        next(path for path in system.files() if path.name == thumbnail["file"]).unlink()
