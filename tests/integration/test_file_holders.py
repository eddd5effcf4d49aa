"""A file is kept as long as a job that was given it, or has made it, is known."""

from uuid import uuid4

import pytest
from redis import Redis

from project.ledger.file_holders import FileHolders
from project.ledger.keys import file_key, job_key
from project.ledger.memory import Memory
from tests.builders import a_picture
from tests.integration.client import Client


@pytest.fixture
def holders(redis: "Redis") -> FileHolders:
    return FileHolders(redis)


def test_job_holds_what_it_was_given_and_what_it_has_made(
    browser: Client, redis: "Redis", holders: FileHolders
) -> None:
    sent = browser.post("/api/v1/files", data=a_picture("PNG")).json()["file"]
    unused = browser.post("/api/v1/files", data=a_picture("PNG")).json()["file"]
    job = browser.submit("image.thumbnail", {"picture": sent})
    made = browser.await_status(job["id"], "succeeded")["result"]["thumbnails"][0]["file"]

    held = holders.find_held([sent, unused, made])
    redis.delete(job_key(job["id"]))

    assert held == {sent, made}
    assert holders.find_held([sent, unused, made]) == set()
    assert not redis.exists(file_key(sent), file_key(made))


def test_file_of_two_jobs_is_held_until_both_are_forgotten(
    redis: "Redis", holders: FileHolders
) -> None:
    one, other, file_id = str(uuid4()), str(uuid4()), f"{uuid4().hex}.png"
    for job_id in (one, other):
        redis.hset(job_key(job_id), "status", "succeeded")
        holders.hold(job_id, [file_id])

    redis.delete(job_key(one))
    held_by_the_other = holders.find_held([file_id])
    redis.delete(job_key(other))

    assert held_by_the_other == {file_id}
    assert holders.find_held([file_id]) == set()


def test_what_was_remembered_is_there_for_another_attempt(redis: "Redis") -> None:
    job_id = str(uuid4())

    Memory(redis, job_id)["sent to"] = {"ada": 250}

    memory = Memory(redis, job_id)
    assert memory["sent to"] == {"ada": 250}
    assert list(memory) == ["sent to"]
    assert "other" not in memory
    del memory["sent to"]
    assert len(memory) == 0
