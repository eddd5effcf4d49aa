"""The tutorial's own test of its tasks, as it stands there, but for a deadline: the whole stack."""

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from project.config import Settings
from project.server import create_app
from project.server.tasks import create_task
from tests.builders import CUT_OFF
from tests.integration.client import Client
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def test_app(settings: Settings) -> Iterator[Flask]:
    app = create_app()
    app.config.from_object("project.server.config.TestingConfig")
    with app.app_context():
        yield app


@pytest.fixture
def test_client(test_app: Flask) -> FlaskClient:
    return test_app.test_client()


def test_home(test_client: FlaskClient) -> None:
    resp = test_client.get("/")

    assert resp.status_code == 200


def test_task(settings: Settings) -> None:
    assert create_task.run(0)


def test_task_status(test_client: FlaskClient) -> None:
    resp = test_client.post("/tasks", data=json.dumps({"type": 0}), content_type="application/json")
    content = json.loads(resp.data.decode())
    task_id = content["task_id"]
    assert resp.status_code == 202
    assert task_id

    def status() -> bool:
        resp = test_client.get(f"/tasks/{task_id}")
        content = json.loads(resp.data.decode())
        assert resp.status_code == 200
        if content["task_status"] == "PENDING":
            assert content == {
                "task_id": task_id,
                "task_status": "PENDING",
                "task_result": None,
            }
        return bool(content["task_status"] != "PENDING")

    wait_until(status, seconds=30, what="the task to end")
    resp = test_client.get(f"/tasks/{task_id}")
    content = json.loads(resp.data.decode())
    assert content == {"task_id": task_id, "task_status": "SUCCESS", "task_result": True}


def test_curl_commands_of_the_tutorial_work(browser: Client) -> None:
    """curl http://localhost:5004/tasks -H "Content-Type: application/json" --data '{"type": 0}'"""
    answer = browser.post(
        "/tasks", data='{"type": 0}', headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 202
    assert list(answer.json()) == ["task_id"]


@pytest.mark.parametrize("task_id", ["nope", "a" * 300, "%00", "a%0Ab", "..%2f", "ä"])
def test_unknown_task_is_a_404(browser: Client, task_id: str) -> None:
    answer = browser.get(f"/tasks/{task_id}")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_failed_task_is_told_with_text_and_200(browser: Client) -> None:
    job = browser.submit("image.thumbnail", {"picture": browser.send_file(CUT_OFF)})
    failed = browser.await_status(job["id"], "failed")

    answer = browser.get(f"/tasks/{job['id']}")

    assert answer.status_code == 200
    assert answer.json() == {
        "task_id": job["id"],
        "task_status": "FAILURE",
        "task_result": failed["error"]["message"],
    }
