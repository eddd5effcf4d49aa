"""The WebSocket under gunicorn and gevent: the same news as the event stream's."""

import json
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.client import Client

SECONDS = 30
MANY = 200


def open_socket(browser: Client, path: str = "/api/v1/socket", **headers: str) -> ClientConnection:
    """A WebSocket of this browser."""
    cookie = f"browser={browser.owner}"
    address = browser.url.replace("http", "ws", 1) + path
    return connect(address, additional_headers={"Cookie": cookie, **headers}, open_timeout=SECONDS)


def until_succeeded(socket: ClientConnection, job_id: str) -> list[dict[str, Any]]:
    """What a socket tells of the job until it has succeeded."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["status"] != "succeeded":
        message = json.loads(socket.recv(SECONDS))
        if message["event"] == "job" and message["data"]["id"] == job_id:
            told.append(message["data"])
    return told


def test_every_change_is_told_once_and_in_order(browser: Client) -> None:
    with open_socket(browser) as socket:
        job_id = browser.start_task(0)

        told = until_succeeded(socket, job_id)

    versions = [job["version"] for job in told]
    assert versions == sorted(set(versions))
    assert told[-1] == browser.job(job_id)


def test_socket_of_one_job_is_closed_with_it(browser: Client) -> None:
    job_id = browser.start_task(0)

    with open_socket(browser, f"/api/v1/jobs/{job_id}/socket") as socket:
        told = [json.loads(message)["data"] for message in socket]

    assert told[-1]["status"] == "succeeded"
    assert socket.close_code == 1000


def test_many_sockets_are_all_told(browser: Client) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(open_socket(browser)) for _ in range(MANY)]
        job_id = browser.start_task(0)

        endings = [until_succeeded(socket, job_id)[-1] for socket in sockets]

    assert endings == [endings[0]] * MANY


def test_page_of_another_site_is_refused(browser: Client) -> None:
    """Browsers let any page open a WebSocket, with the cookies of the site it leads to."""
    evil = {"Origin": "https://evil.example"}
    with pytest.raises(InvalidStatus) as refusal, open_socket(browser, **evil):
        pass

    assert refusal.value.response.status_code == 403
    with open_socket(browser, Origin=browser.url):
        pass
