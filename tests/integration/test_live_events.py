"""Live status: the state first, then every change, once and in order."""

from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from project.config import Settings
from project.live.event_streams import KEEP_ALIVE_SECONDS
from project.live.events import Inbox, Listener, Signal, owner_channel
from project.redis_client import connect_listening
from project.signups import SignUps
from tests.builders import a_picture
from tests.integration.client import Client
from tests.waiting import wait_until

FINISHED = {"succeeded", "failed", "cancelled", "dead"}


def until_finished(events: Any, *job_ids: str) -> list[dict[str, Any]]:
    """The states that a stream tells of these jobs, until all of them have ended."""
    told, open_ids = [], set(job_ids)
    while open_ids:
        name, document = next(events)
        if name == "job" and document["id"] in job_ids:
            told.append(document)
            if document["status"] in FINISHED:
                open_ids.discard(document["id"])
    return told


def test_open_page_is_told_every_change_once_and_in_order(browser: Client) -> None:
    with browser.listen() as stream:
        task_id = browser.start_task(0)

        told = until_finished(iter(stream), task_id)

    versions = [job["version"] for job in told]
    assert versions == sorted(set(versions))
    assert told[-1]["status"] == "succeeded"
    assert told[-1] == browser.job(task_id)


def test_state_comes_first_oldest_job_first(browser: Client) -> None:
    ids = [browser.start_task(0) for _ in range(3)]
    for task_id in ids:
        browser.await_status(task_id, "succeeded")

    with browser.listen() as stream:
        events = iter(stream)
        first = [next(events) for _ in range(3)]

    assert [name for name, _ in first] == ["job"] * 3
    assert [job["id"] for _, job in first] == ids
    assert all(job["status"] == "succeeded" for _, job in first)


def test_many_jobs_at_once_are_all_told_to_their_end(browser: Client) -> None:
    with browser.listen() as stream:
        ids = [browser.start_task(0) for _ in range(30)]

        told = until_finished(iter(stream), *ids)

    for task_id in ids:
        versions = [job["version"] for job in told if job["id"] == task_id]
        assert versions == sorted(set(versions))


def test_page_is_not_told_of_another_browsers_jobs(browser: Client, settings: Settings) -> None:
    other = Client(settings.public_url).open_page()
    with browser.listen() as stream:
        foreign_id = other.start_task(0)
        other.await_status(foreign_id, "succeeded")
        own_id = browser.start_task(0)
        events = iter(stream)
        names: list[str] = []
        while not names or names[-1] != "succeeded":
            _, job = next(events)
            assert job["id"] == own_id
            names.append(job["status"])


def test_two_pages_of_a_browser_are_told_the_same(browser: Client) -> None:
    with browser.listen() as one, browser.listen() as other:
        task_id = browser.start_task(0)

        endings = [until_finished(iter(page), task_id)[-1] for page in (one, other)]

    assert endings[0] == endings[1]


def test_stream_of_one_job_ends_with_it(browser: Client) -> None:
    task_id = browser.start_task(0)

    with browser.listen(f"/api/v1/jobs/{task_id}/events") as stream:
        told = [job for _, job in stream]

    assert told[-1]["status"] == "succeeded"
    assert {job["id"] for job in told} == {task_id}


def test_stream_of_an_ended_job_tells_once_and_ends(browser: Client) -> None:
    task_id = browser.start_task(0)
    browser.await_status(task_id, "succeeded")

    with browser.listen(f"/api/v1/jobs/{task_id}/events") as stream:
        assert [job["status"] for _, job in stream] == ["succeeded"]


def test_stream_tells_progress_of_a_running_job(browser: Client) -> None:
    signup = browser.sign_up("ada@example.org", a_picture("JPEG", (900, 700)))

    with browser.listen(f"/api/v1/jobs/{signup['picture_job']}/events") as stream:
        told = [job for _, job in stream]

    assert told[-1]["status"] == "succeeded"
    assert told[-1]["progress"]["total"] == 4


def test_stream_of_all_jobs_tells_of_another_browsers_jobs(
    browser: Client, settings: Settings
) -> None:
    other = Client(settings.public_url).open_page()
    with browser.listen("/api/v1/events?scope=all&status=succeeded&kind=create_task") as stream:
        events = iter(stream)
        assert next(events) == ("resync", {})
        job_id = other.start_task(0)

        told = until_finished(events, job_id)

    assert [job["status"] for job in told] == ["succeeded"]


def test_no_event_holds_what_a_job_was_given(browser: Client, redis: "Redis") -> None:
    address = f"ada.{uuid4().hex}@example.org"
    pubsub = redis.pubsub()
    pubsub.psubscribe("events:*")
    with browser.listen() as stream:
        job_id = browser.submit(
            "email.send", {"recipient": address, "subject": "Hello", "text": "Secret"}
        )["id"]
        told = until_finished(iter(stream), job_id)

    published = []
    while message := pubsub.get_message(timeout=0.5):
        published.append(str(message["data"]))
    pubsub.close()
    assert any(job_id in text for text in published)
    assert address not in str(told) + str(published)


def test_open_page_is_told_of_a_new_signup_and_of_its_confirmation(
    browser: Client, settings: Settings, redis: "Redis"
) -> None:
    signups = SignUps(redis, settings.secret_key, 3600, 3600)
    with browser.listen() as stream:
        events = iter(stream)
        signup = browser.sign_up("ada@example.org", a_picture("JPEG"))
        next(document for name, document in events if name == "signup")

        browser.post(f"/confirm/{signups.make_token(signups.get(signup['id']))}")

        # The sign-up itself may be told twice: as the state at the start, and as a change.
        told = next(one for name, one in events if name == "signup" and one["confirmed_at"])
    assert told["id"] == signup["id"]


@pytest.mark.parametrize("path", ["/api/v1/jobs/nope/events", "/api/v1/jobs/%00/events"])
def test_stream_of_an_unknown_job_is_a_404(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_listener_reads_again_after_redis_has_dropped_it(
    settings: Settings, redis: "Redis"
) -> None:
    """redis-py connects again by itself; what was published meanwhile is lost without a word."""
    name, channel = f"test-{uuid4().hex}", f"events:job:{uuid4()}"
    listener = Listener(connect_listening(f"{settings.redis_url}?client_name={name}"))
    with listener.listen([channel]) as inbox:
        assert next_signal(inbox) is Signal.RESYNC

        (own,) = [client for client in redis.client_list(_type="pubsub") if client["name"] == name]
        redis.client_kill_filter(_id=own["id"])

        assert next_signal(inbox) is Signal.RESYNC
        redis.publish(channel, "after")
        assert inbox.get(10) == (channel, "after")
    listener.close()


def test_subscription_ends_with_the_last_page(
    browser: Client, settings: Settings, redis: "Redis"
) -> None:
    """A page that was closed is noticed when a keep-alive cannot be sent any more."""
    channel = owner_channel(browser.owner)
    with browser.listen(), browser.listen():
        wait_until(lambda: subscribers(redis, channel), 10, "the subscription")

    wait_until(lambda: not subscribers(redis, channel), 3 * KEEP_ALIVE_SECONDS, "its end")


def subscribers(redis: "Redis", channel: str) -> int:
    ((_, number),) = redis.pubsub_numsub(channel)
    return int(number)


def next_signal(inbox: Inbox) -> Any:
    return inbox.get(10)
