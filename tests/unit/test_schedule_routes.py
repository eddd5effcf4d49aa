"""Schedules over HTTP: what a request must hold, and what it is answered."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from project.scheduler.schedules.examples import make_examples
from project.scheduler.schedules.schedule_service import ScheduleService
from tests.unit.backstage import Desk, Shelf
from tests.unit.conftest import ClientMaker

PATH = "/api/v1/schedules"
NIGHTLY = {
    "id": "nightly",
    "kind": "create_task",
    "parameters": {"type": 1},
    "cron": " 30  2 * * *",
    "time_zone": "Europe/Berlin",
}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def client(make_client: ClientMaker, shelf: Shelf) -> FlaskClient:
    parts: Any = (shelf, Desk())
    return make_client(schedules=ScheduleService(*parts))


def test_schedule_is_made_and_told_with_its_next_times(client: FlaskClient) -> None:
    answer = client.post(PATH, json=NIGHTLY)

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{PATH}/nightly"
    made: Any = client.get(answer.headers["Location"]).json
    assert made == answer.json
    assert (made["cron"], made["every_seconds"]) == ("30 2 * * *", None)
    assert (made["title"], made["parameters"]) == ("Sleep", {"type": 1})
    assert (made["overlap"], made["catch_up"]) == ("skip", "latest")
    assert len(made["next_runs"]) == 5
    assert made["next_runs"][0] == made["next_at"]
    listed: Any = client.get(PATH).json
    assert listed == {"schedules": [made]}


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"cron": None}, 400, "cron"),
        ({"cron": "30 25 * * *"}, 400, "cron"),
        ({"every_seconds": 60}, 400, "cron"),
        ({"cron": None, "every_seconds": 0}, 400, "every_seconds"),
        ({"cron": None, "every_seconds": "60"}, 400, "every_seconds"),
        ({"time_zone": "Berlin"}, 400, "time_zone"),
        ({"overlap": "queue"}, 400, "overlap"),
        ({"catch_up": "some"}, 400, "catch_up"),
        ({"starts_at": "tomorrow"}, 400, "starts_at"),
        ({"parameters": {"type": "x"}}, 400, "type"),
        ({"colour": "red"}, 400, "colour"),
        ({"id": "Nightly!"}, 400, "id"),
        ({"kind": "files.sweep", "parameters": {}}, 400, "kind"),
        ({"kind": "nothing"}, 400, "kind"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(
    client: FlaskClient, shelf: Shelf, changes: dict[str, Any], status: int, field: str | None
) -> None:
    answer = client.post(PATH, json=NIGHTLY | changes)

    problem: Any = answer.json
    assert (answer.status_code, problem.get("field")) == (status, field)
    assert problem["detail"].endswith(".")
    assert shelf.kept == {}


def test_id_that_is_taken_is_a_conflict(client: FlaskClient) -> None:
    client.post(PATH, json=NIGHTLY)

    assert client.post(PATH, json=NIGHTLY).status_code == 409


def test_change_replaces_everything_but_the_pause(client: FlaskClient) -> None:
    client.post(PATH, json=NIGHTLY | {"title": "Night"})
    client.post(f"{PATH}/nightly/pause")

    form = {"kind": "create_task", "parameters": {"type": 0}, "every_seconds": 5}
    changed: Any = client.put(f"{PATH}/nightly", json=form).json

    assert (changed["title"], changed["cron"], changed["every_seconds"]) == ("Sleep", None, 5)
    assert (changed["is_paused"], changed["next_at"], changed["next_runs"]) == (True, None, [])
    resumed: Any = client.post(f"{PATH}/nightly/resume").json
    assert resumed["next_at"]


def test_run_now_is_a_job(client: FlaskClient) -> None:
    client.post(PATH, json=NIGHTLY)

    answer = client.post(f"{PATH}/nightly/run")

    job: Any = answer.json
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    schedule: Any = client.get(f"{PATH}/nightly").json
    assert schedule["last_job_id"] == job["id"]


def test_example_can_be_changed_although_its_kind_is_not_offered(
    client: FlaskClient, shelf: Any
) -> None:
    make_examples(shelf)

    answer = client.put(f"{PATH}/clean-up", json={"kind": "files.sweep", "cron": "0 4 * * *"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("put", ""), ("post", "/pause"), ("post", "/resume"), ("post", "/run")],
)
def test_unknown_schedule_is_not_found(client: FlaskClient, method: str, path: str) -> None:
    form = {"json": {k: v for k, v in NIGHTLY.items() if k != "id"}} if method == "put" else {}

    assert getattr(client, method)(f"{PATH}/none{path}", **form).status_code == 404
