"""Workflows through the API: chains, fan-outs and joins as one tree, cancelled, run again."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.builders import a_picture
from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.waiting import wait_until

END_SECONDS = 60


def start(browser: Client, steps: dict[str, Any], **more: Any) -> str:
    """The id of a workflow."""
    return str(browser.submit("workflow", {"steps": steps, **more})["id"])


def part(number: int, **more: Any) -> dict[str, Any]:
    parameters = {"number": number, **more.pop("parameters", {})}
    return {"kind": "isolated.part", "parameters": parameters, **more}


def steps_of(browser: Client, job_id: str) -> dict[str, dict[str, Any]]:
    jobs = browser.get(f"/api/v1/jobs/{job_id}/tree").json()["jobs"][1:]
    return {job["key"]: job for job in jobs}


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    path = tmp_path / "hold"
    path.touch()
    return path


def test_steps_run_in_order_and_hand_on_what_they_return(
    system: IsolatedSystem, browser: Client
) -> None:
    picture = browser.send_file(a_picture("JPEG", (300, 200)))
    steps = {
        "small": {"kind": "image.thumbnail", "parameters": {"picture": picture}},
        "smaller": {
            "kind": "image.thumbnail",
            "parameters": {"picture": {"$result": "small", "path": "thumbnails.0.file"}},
        },
        "join": part(7, after=["smaller"]),
    }

    job_id = start(browser, steps)
    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    ran = steps_of(browser, job_id)
    assert [ran[name]["status"] for name in steps] == ["succeeded"] * 3
    assert ran["small"]["finished_at"] < ran["smaller"]["started_at"]
    assert ran["smaller"]["finished_at"] < ran["join"]["started_at"]
    assert ran["smaller"]["result"]["thumbnails"][-1]["width"] <= 64
    assert {job["root_id"] for job in ran.values()} == {job_id}


def test_fan_out_and_join_over_killed_workers(
    system: IsolatedSystem, browser: Client, tmp_path: Path
) -> None:
    journal = str(tmp_path / "journal")
    steps = {
        "each": {
            "kind": "isolated.part",
            "parameters": {"number": {"$item": ""}, "journal": journal, "seconds": 0.1},
            "for_each": list(range(20)),
        },
        "join": part(99, after=["each"], parameters={"journal": journal}),
    }
    job_id = start(browser, steps)

    for finished in (5, 12):
        await_finished(browser, job_id, finished)
        system.kill_process("worker-short")
        system.start_worker("worker-short")
    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    ran = Path(journal).read_text().split()
    assert set(ran) == {*map(str, range(20)), "99"}
    assert Counter(ran)["99"] == 1
    assert len(job["result"]["steps"]["each"]) == 20


def await_finished(browser: Client, job_id: str, least: int) -> None:
    def count() -> int:
        return sum(job["status"] == "succeeded" for job in steps_of(browser, job_id).values())

    wait_until(lambda: count() >= least, END_SECONDS)


def test_workflow_that_is_rerun_runs_what_had_failed_and_what_needs_it(
    system: IsolatedSystem, browser: Client, hold: Path, tmp_path: Path
) -> None:
    journal = {"journal": str(tmp_path / "journal")}
    steps = {
        "good": part(1, parameters=journal),
        "bad": part(2, parameters={"hold": str(hold), **journal}),
        "join": part(3, after=["good", "bad"], parameters=journal),
    }
    job_id = start(browser, steps)
    failed = browser.await_status(job_id, "failed", seconds=END_SECONDS)
    hold.unlink()

    again = browser.post(f"/api/v1/jobs/{job_id}/rerun").json()["id"]
    browser.await_status(again, "succeeded", seconds=END_SECONDS)

    assert "bad: It was told to fail" in failed["error"]["message"]
    assert Path(journal["journal"]).read_text().split() == ["1", "2", "3"]


def test_cancel_of_a_workflow_cancels_what_runs_and_begins_nothing(
    system: IsolatedSystem, browser: Client, tmp_path: Path
) -> None:
    journal = {"journal": str(tmp_path / "journal")}
    steps = {
        "slow": part(1, parameters={"seconds": 30}),
        "then": part(2, after=["slow"], parameters=journal),
    }
    job_id = start(browser, steps)
    wait_until(lambda: steps_of(browser, job_id).get("slow", {}).get("status") == "running", 30)

    browser.post(f"/api/v1/jobs/{job_id}/cancel")

    wait_until(lambda: steps_of(browser, job_id)["slow"]["status"] == "cancelled", END_SECONDS)
    assert browser.job(job_id)["status"] == "cancelled"
    assert set(steps_of(browser, job_id)) == {"slow"}


def test_workflow_in_a_workflow_is_part_of_its_tree(
    system: IsolatedSystem, browser: Client
) -> None:
    inner = {"kind": "workflow", "parameters": {"steps": {"deep": part(1)}}}
    job_id = start(browser, {"inner": inner, "after": part(2, after=["inner"])})

    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert {"inner", "deep", "after"} == set(steps_of(browser, job_id))


def test_workflow_for_each_item_joins_steps_of_its_own(
    system: IsolatedSystem, browser: Client, tmp_path: Path
) -> None:
    journal = {"journal": str(tmp_path / "journal")}
    inner = {
        "first": part(0, parameters={"number": {"$item": "start"}, **journal}),
        "each": {
            **part(0, parameters={"number": {"$item": ""}, **journal}),
            "for_each": [{"$item": "start"}, {"$result": "first"}],
        },
    }
    steps = {
        "all": {
            "kind": "workflow",
            "parameters": {"steps": inner},
            "for_each": [{"start": 10}, {"start": 20}],
        }
    }

    job_id = start(browser, steps)
    browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert Counter((tmp_path / "journal").read_text().split()) == {"10": 3, "20": 3}


def test_workflow_with_a_wrong_step_is_refused_with_its_name(browser: Client) -> None:
    body = {"kind": "workflow", "parameters": {"steps": {"a": {"kind": "create_task"}}}}

    answer = browser.post("/api/v1/jobs", json=body)

    assert answer.status_code == 400
    assert "step a: type" in answer.json()["detail"]
