"""Uploads by clients that lie, break off or send very much, and onto a disk that is full."""

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.isolated.system import IsolatedSystem
from tests.integration.raw_http import chunk, read_answer, send_until_refused
from tests.process_tree import descendants, peak_bytes, watched
from tests.waiting import wait_until

END_SECONDS = 30
MEBIBYTE = 1024 * 1024
LIMIT_BYTES = 512 * MEBIBYTE
LARGE_BYTES = 300 * MEBIBYTE
FULL_BYTES = 8 * MEBIBYTE
"""What is longer than this cannot be written where the disk is full. Log files are shorter."""
GROWTH_BYTES = 24 * MEBIBYTE
"""As much memory an upload of any size may take; of form data the library has a few pieces."""
PIECE = b"a,b\n" * (MEBIBYTE // 4)
FORM = "multipart/form-data; boundary=x"
FORM_HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the web server puts files that are not to stay."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def system(isolated: IsolatedSystem, scratch: Path) -> Iterator[IsolatedSystem]:
    isolated.start_web()
    isolated.start_worker("worker-short")
    with isolated.restarted(TMPDIR=str(scratch), JOBS_MAX_UPLOAD_BYTES=str(LIMIT_BYTES)):
        yield isolated


@pytest.fixture
def _nothing_is_left(system: IsolatedSystem, scratch: Path) -> Iterator[None]:
    """Whatever the test sends, in the end there is not a byte of it."""
    before = system.files()
    yield
    wait_until(lambda: system.files() == before, END_SECONDS, "the rest of the file to go")
    assert not [path for path in scratch.rglob("*") if path.is_file()]
    assert system.open_page().send_file(b"x" * 10)  # the server goes on
    for path in system.files() - before:
        path.unlink()


@contextmanager
def connection(system: IsolatedSystem, *headers: str) -> Iterator[socket.socket]:
    """A connection on which the head of an upload was sent."""
    with socket.create_connection(("127.0.0.1", system.web_port), timeout=END_SECONDS) as line:
        head = ["POST /api/v1/files HTTP/1.1", "Host: localhost", *headers, "", ""]
        line.sendall("\r\n".join(head).encode())
        yield line


@pytest.mark.usefixtures("_nothing_is_left")
def test_file_that_says_it_is_too_large_is_refused_before_it_is_sent(
    system: IsolatedSystem,
) -> None:
    with connection(system, f"Content-Length: {2 * 1024 * MEBIBYTE}") as line:
        status, document = read_answer(line)

    assert status == 413
    assert "at most 512 MiB" in document["detail"]


@pytest.mark.usefixtures("_nothing_is_left")
def test_file_that_turns_out_too_large_is_refused(system: IsolatedSystem) -> None:
    """It came in chunks, and did not say how many."""
    with connection(system, "Transfer-Encoding: chunked") as line:
        send_until_refused(line, chunk(PIECE), LIMIT_BYTES // MEBIBYTE + 1)
        status, document = read_answer(line)

    assert status == 413
    assert "Files may be at most" in document["detail"]


@pytest.mark.usefixtures("_nothing_is_left")
@pytest.mark.parametrize(
    ("headers", "start"),
    [
        pytest.param(["Content-Length: 9000000"], PIECE, id="said its length"),
        pytest.param(["Transfer-Encoding: chunked"], chunk(PIECE), id="between chunks"),
        pytest.param(["Transfer-Encoding: chunked"], b"ff0000\r\n" + PIECE, id="within a chunk"),
        pytest.param(
            ["Content-Length: 9000000", f"Content-Type: {FORM}"], FORM_HEAD + PIECE, id="form"
        ),
        pytest.param(
            ["Transfer-Encoding: chunked", f"Content-Type: {FORM}"],
            chunk(FORM_HEAD + PIECE),
            id="form in chunks",
        ),
    ],
)
def test_client_that_goes_half_way_leaves_nothing(
    system: IsolatedSystem, headers: list[str], start: bytes
) -> None:
    before = len(system.log.about('"/api/v1/files"'))

    with connection(system, *headers) as line:
        line.sendall(start)
        line.shutdown(socket.SHUT_WR)
        status, _ = read_answer(line)

    assert status == 400
    wait_until(
        lambda: len(system.log.about('"/api/v1/files"')) > before, END_SECONDS, "the request's line"
    )


@pytest.mark.usefixtures("_nothing_is_left")
@pytest.mark.parametrize(
    "start", [b"x" * 100, b"-5\r\nhello\r\n", b"5\r\nhello, world\r\n0\r\n\r\n"]
)
def test_chunks_that_are_none_are_refused(system: IsolatedSystem, start: bytes) -> None:
    with connection(system, "Transfer-Encoding: chunked") as line:
        line.sendall(start)
        line.shutdown(socket.SHUT_WR)
        status, _ = read_answer(line)

    assert status == 400


def test_what_a_client_sends_beyond_its_length_is_no_part_of_the_file(
    system: IsolatedSystem,
) -> None:
    with connection(system, "Content-Length: 8", "Connection: close") as line:
        line.sendall(b"a,b\n1,2\n" + b"3,4\n" * 100)
        status, document = read_answer(line)

    assert (status, document["bytes"]) == (201, 8)


@pytest.fixture
def _full(system: IsolatedSystem) -> Iterator[None]:
    """The web server cannot write more into a file than so much, as onto a full disk."""
    processes = descendants(system.main_pid("web"))
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in processes}
    for pid, (_, most) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL_BYTES, most))
    yield
    for pid, limits in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("_nothing_is_left", "_full")
@pytest.mark.parametrize("is_form", [False, True])
def test_full_disk_is_a_503_and_leaves_nothing(system: IsolatedSystem, is_form: bool) -> None:
    browser, content = system.open_page(), b"x" * (FULL_BYTES + MEBIBYTE)
    sent = {"files": {"file": content}} if is_form else {"data": content}

    answer = browser.post("/api/v1/files", **sent)

    assert answer.status_code == 503
    assert "The file store does not answer" in answer.json()["detail"]
    assert answer.headers["Retry-After"]


@pytest.mark.usefixtures("_nothing_is_left", "_full")
def test_full_disk_refuses_a_sign_up_with_a_503(system: IsolatedSystem) -> None:
    sent = {"picture": ("me.jpg", b"x" * (FULL_BYTES + MEBIBYTE), "image/jpeg")}
    form = {"email": "ada@example.org"}

    answer = system.open_page().post("/api/v1/signups", data=form, files=sent)

    assert answer.status_code == 503
    assert "The file store does not answer" in answer.json()["detail"]


@pytest.mark.parametrize("is_form", [False, True])
def test_memory_does_not_grow_with_an_upload(system: IsolatedSystem, is_form: bool) -> None:
    web = system.main_pid("web")
    (process,) = descendants(web)
    ends = (FORM_HEAD, b"\r\n--x--\r\n") if is_form else (b"", b"")
    kind = FORM if is_form else "text/csv"
    length = LARGE_BYTES + len(b"".join(ends))

    with watched(process) as peak:
        before = peak_bytes(process)
        with connection(system, f"Content-Length: {length}", f"Content-Type: {kind}") as line:
            line.sendall(ends[0])
            for _ in range(LARGE_BYTES // MEBIBYTE):
                line.sendall(PIECE)
            line.sendall(ends[1])
            status, document = read_answer(line)

    assert (status, document["bytes"]) == (201, LARGE_BYTES)
    assert peak.bytes - before < GROWTH_BYTES
    (path,) = [path for path in system.files() if path.name == document["file"]]
    path.unlink()


def test_memory_does_not_grow_with_a_download(system: IsolatedSystem) -> None:
    browser = system.open_page()
    url = f"/api/v1/files/{browser.send_file(PIECE * (LARGE_BYTES // MEBIBYTE))}"
    (process,) = descendants(system.main_pid("web"))

    with watched(process) as peak:
        before, received = peak_bytes(process), 0
        for piece in browser.get(url, stream=True).iter_content(MEBIBYTE):
            received += len(piece)

    assert received == LARGE_BYTES
    assert peak.bytes - before < GROWTH_BYTES
    for path in system.files():
        path.unlink()
