"""The file store in a bucket: what a folder does, and what a folder need not do: be away."""

import io
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.session import get_session
from moto.server import ThreadedMotoServer
from PIL import Image
from pypdf import PdfReader

from project.files import FileStore
from project.files.bucket import ANSWER_SECONDS, CONNECT_SECONDS
from tests.builders import a_picture
from tests.integration.isolated.proxy import Proxy
from tests.integration.isolated.system import IsolatedSystem
from tests.process_tree import descendants, peak_bytes, watched
from tests.tables import orders
from tests.waiting import wait_until

END_SECONDS = 60
NAME = "jobs"
ROWS = 4_000
MEBIBYTE = 1024 * 1024
LARGE_BYTES = 100 * MEBIBYTE
GROWTH_BYTES = 24 * MEBIBYTE


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """A client of an S3 server in this process, which has a bucket."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = get_session().create_client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="jobs",
        aws_secret_access_key="jobs",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.create_bucket(Bucket=NAME)
    yield client
    server.stop()


@pytest.fixture(scope="module")
def way(bucket: Any) -> Iterator[Proxy]:
    """Between the system and the bucket."""
    parts = urlsplit(bucket.meta.endpoint_url)
    assert parts.hostname and parts.port
    proxy = Proxy(parts.hostname, parts.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def variables(way: Proxy) -> dict[str, str]:
    """By a name, as in most installations: libraries ask for a bucket otherwise then."""
    return {
        "JOBS_FILES_URL": f"s3://{NAME}/files",
        "AWS_ENDPOINT_URL": f"http://localhost:{way.port}",
        "AWS_ACCESS_KEY_ID": "jobs",
        "AWS_SECRET_ACCESS_KEY": "jobs",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@pytest.fixture(scope="module")
def system(isolated: IsolatedSystem, variables: dict[str, str]) -> Iterator[IsolatedSystem]:
    isolated.start_web()
    isolated.start_worker("worker-short")
    with isolated.restarted(**variables):
        isolated.start_worker("worker-long")
        yield isolated
        isolated.stop_process("worker-long")


@pytest.fixture
def store(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FileStore:
    """The store as a process of the system has it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return FileStore(variables["JOBS_FILES_URL"], tmp_path)


@pytest.fixture
def _away(way: Proxy) -> Iterator[None]:
    """While the test lasts nobody gets to the bucket."""
    way.refuse()
    yield
    way.mend()


def keys_of(bucket: Any) -> set[str]:
    return {found["Key"] for found in bucket.list_objects_v2(Bucket=NAME).get("Contents", ())}


def test_file_that_was_sent_is_in_the_bucket_and_comes_back(
    system: IsolatedSystem, bucket: Any
) -> None:
    browser, content = system.open_page(), os.urandom(3 * MEBIBYTE + 1)

    file_id = browser.send_file(content)

    url = f"/api/v1/files/{file_id}"
    assert f"files/{file_id[:2]}/{file_id}" in keys_of(bucket)
    assert browser.get(url).content == content
    assert browser.session.head(browser.url + url).headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=1500000-1500099", 1_500_000, 1_500_100), ("bytes=-7", -7, None)],
)
def test_part_of_a_file_can_be_asked_for(
    system: IsolatedSystem, wanted: str, start: int, end: int | None
) -> None:
    browser, content = system.open_page(), os.urandom(2_000_000)
    file_id = browser.send_file(content)

    answer = browser.get(f"/api/v1/files/{file_id}", headers={"Range": wanted})

    assert answer.status_code == 206
    assert answer.content == content[start:end]


def test_file_that_is_not_there_is_not_found(system: IsolatedSystem) -> None:
    browser, missing = system.open_page(), f"{'0' * 32}.png"

    answer = browser.get(f"/api/v1/files/{missing}")
    job = {"kind": "image.thumbnail", "parameters": {"picture": missing}}

    assert answer.status_code == 404
    assert "There is no such file" in answer.json()["detail"]
    assert browser.post("/api/v1/jobs", json=job).status_code == 404


def test_empty_file_leaves_nothing(system: IsolatedSystem, bucket: Any) -> None:
    browser, before = system.open_page(), keys_of(bucket)

    assert browser.post("/api/v1/files", data=b"").status_code == 400
    assert keys_of(bucket) == before


def test_thumbnails_are_made_from_and_into_the_bucket(system: IsolatedSystem, bucket: Any) -> None:
    browser = system.open_page()
    picture = browser.send_file(a_picture("JPEG", (300, 200)))

    job = browser.submit("image.thumbnail", {"picture": picture, "sizes": [64]})
    made = browser.await_status(job["id"], "succeeded", seconds=END_SECONDS)["result"]

    content = browser.get(made["thumbnails"][0]["url"]).content
    assert Image.open(io.BytesIO(content)).size == (64, 43)
    assert any(made["thumbnails"][0]["file"] in key for key in keys_of(bucket))


def test_report_of_parts_that_meet_in_the_bucket(system: IsolatedSystem) -> None:
    browser = system.open_page()
    table = browser.send_file(orders(ROWS).write_csv().encode())
    values = {"table": table, "parts": 4, "group_by": "city", "value": "price"}

    job = browser.submit("report.build", values)
    finished = browser.await_status(job["id"], "succeeded", seconds=END_SECONDS)

    pdf = browser.get(finished["result"]["report"]["url"]).content
    assert finished["result"]["rows"] == ROWS
    assert len(PdfReader(io.BytesIO(pdf)).pages) == finished["result"]["pages"]


def test_failed_job_leaves_only_what_was_sent(system: IsolatedSystem, bucket: Any) -> None:
    browser = system.open_page()
    picture = browser.send_file(a_picture("PNG", (90, 90))[:200])
    before = keys_of(bucket)

    job = browser.submit("image.thumbnail", {"picture": picture})

    assert browser.await_end(job["id"], END_SECONDS)["status"] == "failed"
    assert keys_of(bucket) == before


def test_sweep_removes_what_nobody_holds(store: FileStore, bucket: Any) -> None:
    held, unheld = (store.write(b"x", ".png") for _ in range(2))
    time_of_both = time.time()
    wait_until(lambda: time.time() > time_of_both + 1, END_SECONDS)  # its times are whole seconds

    removed = store.sweep(0, lambda asked: set(asked) - {unheld})

    assert removed == [unheld]
    assert any(held in key for key in keys_of(bucket))
    assert not any(unheld in key for key in keys_of(bucket))


def test_deleted_file_is_gone_and_may_be_deleted_again(store: FileStore, bucket: Any) -> None:
    file_id = store.write(b"x", ".png")

    store.delete(file_id)
    store.delete(file_id)

    assert not any(file_id in key for key in keys_of(bucket))


def test_file_is_read_from_where_one_goes(store: FileStore) -> None:
    content = os.urandom(100_000)
    file_id = store.write(content, ".csv")

    with store.open(file_id) as file:
        file.seek(-1000, io.SEEK_END)
        end = file.read()
        file.seek(500)
        middle = file.read(10)
        rest = file.read(10)

    assert (end, middle, rest) == (content[-1000:], content[500:510], content[510:520])


def test_memory_of_the_web_server_does_not_grow_with_a_file(system: IsolatedSystem) -> None:
    browser = system.open_page()
    (process,) = descendants(system.main_pid("web"))
    browser.send_file(b"x")  # the library is loaded with the first one

    with watched(process) as peak:
        before = peak_bytes(process)
        file_id = browser.send_file(bytes(LARGE_BYTES))
        answer = browser.get(f"/api/v1/files/{file_id}", stream=True)
        received = sum(len(piece) for piece in answer.iter_content(MEBIBYTE))

    assert received == LARGE_BYTES
    assert peak.bytes - before < GROWTH_BYTES


@pytest.mark.usefixtures("_away")
def test_upload_is_refused_in_time_while_the_bucket_is_away(
    system: IsolatedSystem, bucket: Any
) -> None:
    browser, before = system.open_page(), keys_of(bucket)

    answer = browser.post("/api/v1/files", data=b"a,b\n1,2\n")

    assert answer.status_code == 503
    assert "The file store does not answer" in answer.json()["detail"]
    assert answer.headers["Retry-After"]
    assert answer.elapsed.total_seconds() < CONNECT_SECONDS + ANSWER_SECONDS
    assert keys_of(bucket) == before
    assert system.log.about("file_store_unavailable")
    scratch = system.direct.scratch_dir
    assert scratch.is_dir() and not [path for path in scratch.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("_away")
def test_download_and_submit_are_refused_while_the_bucket_is_away(system: IsolatedSystem) -> None:
    browser, file_id = system.open_page(), f"{'1' * 32}.png"
    job = {"kind": "image.thumbnail", "parameters": {"picture": file_id}}

    assert browser.get(f"/api/v1/files/{file_id}").status_code == 503
    assert browser.post("/api/v1/jobs", json=job).status_code == 503


def test_other_requests_are_answered_while_the_bucket_is_silent(
    system: IsolatedSystem, way: Proxy
) -> None:
    """The web server has one process here: who waits for the bucket must not hold it up."""
    browser, other = system.open_page(), system.open_page()
    asked = way.accepted
    way.freeze()
    try:
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(browser.post, "/api/v1/files", data=b"a,b\n1,2\n")
            wait_until(lambda: way.accepted > asked, END_SECONDS, "the bucket to be asked")
            answer, is_waiting = other.get("/api/v1/kinds"), not sent.done()
            way.mend()
    finally:
        way.mend()

    assert answer.status_code == 200
    assert is_waiting
    assert sent.result().status_code == 201  # the second attempt


def test_job_is_tried_again_when_the_bucket_is_back(system: IsolatedSystem, way: Proxy) -> None:
    browser = system.open_page()
    picture = browser.send_file(a_picture("PNG", (90, 90)))
    try:
        with system.paused("worker-short"):
            job = browser.submit("image.thumbnail", {"picture": picture, "sizes": [64]})
            way.refuse()
        wait_until(
            lambda: browser.job(job["id"])["status"] == "retrying", END_SECONDS, "another attempt"
        )
    finally:
        way.mend()

    finished = browser.await_status(job["id"], "succeeded", seconds=END_SECONDS)

    assert finished["attempt"] == 2
    assert "file store" in finished["attempts"][0]["error"]["message"]
