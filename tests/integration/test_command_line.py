"""`python -m project`: the API's verbs, as an operator types them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from project.config import Settings
from project.ledger import Ledger
from project.ledger.dead_letters import DeathReason
from tests.builders import a_picture, an_unused_port
from tests.integration.client import Client

SECONDS = 60


@pytest.fixture
def run(repository: Path, settings: object) -> Any:
    """Runs a command; its exit code, its answer and what it says beside that."""

    def run(*words: str, **environment: str) -> tuple[int, Any, str]:
        done = subprocess.run(
            [sys.executable, "-m", "project", *words],
            cwd=repository,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr

    return run


def test_job_is_submitted_and_followed_to_its_end(run: Any) -> None:
    code, job, said = run("submit", "create_task", '{"type": 0}', "--wait")

    assert (code, job["status"], job["result"]) == (0, "succeeded", True)
    assert f"{job['id']} succeeded" in said


def test_jobs_are_listed_by_filter_and_page(run: Any, browser: Client) -> None:
    for _ in range(2):
        browser.await_status(browser.start_task(0), "succeeded")

    code, page, _ = run("list", "--status", "succeeded", "--kind", "create_task", "--limit", "1")
    _, second, _ = run("list", "--status", "succeeded", "--limit", "1", "--cursor", page["next"])

    assert code == 0
    assert [job["status"] for job in page["jobs"]] == ["succeeded"]
    assert page["jobs"][0]["id"] != second["jobs"][0]["id"]


@pytest.mark.parametrize("options", [(), ("--follow",)])
def test_log_of_a_job_is_text(repository: Path, browser: Client, options: tuple[str, ...]) -> None:
    job_id = browser.sign_up("ada@example.org", a_picture("JPEG", (300, 200)))["picture_job"]
    if not options:
        browser.await_status(job_id, "succeeded")

    done = subprocess.run(
        [sys.executable, "-m", "project", "log", job_id, *options],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )

    assert done.stdout.splitlines()[0].endswith("info    picture_read width=300 height=200")
    assert done.stdout.count("thumbnail_made") == 3


def test_waiting_job_is_cancelled_and_run_again(run: Any, ledger: Ledger) -> None:
    _, job, _ = run("submit", "create_task", '{"type": 0}', "--delay", "3600")

    code, cancelled, _ = run("cancel", job["id"])
    _, again, _ = run("rerun", job["id"], '{"type": "0"}')

    assert (code, cancelled["status"]) == (0, "cancelled")
    assert again["rerun_of"] == job["id"]
    assert ledger.get(job["id"]).rerun_as == again["id"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "nope"), "There is no job nope."),
        (("log", "nope"), "There is no job nope."),
        (("log", "nope", "--follow"), "There is no job nope."),
        (("submit", "nope"), "There is no kind 'nope'"),
        (("submit", "files.sweep"), "Kind files.sweep is internal: clients cannot submit it."),
        (("submit", "create_task", "{"), "That is not valid JSON"),
        (("submit", "create_task", '{"type": [1e400]}'), "type.0: the number must be finite"),
        (("submit", "create_task", '{"type": "\\ud83d"}'), "type: the text has half of a"),
        (
            ("submit", "create_task", '{"type": 0}', "--key", "\udcff"),
            "deduplication_key: the text",
        ),
        (("show", "\udcff"), "Write all arguments in UTF-8."),
        (("submit", "create_task", '{"type": -1}'), "type: "),
        (("dead", "discard", "nope"), "There is no dead letter nope."),
    ],
)
def test_mistake_is_told_in_one_sentence(run: Any, words: tuple[str, ...], sentence: str) -> None:
    code, answer, said = run(*words)

    assert (code, answer) == (1, None)
    assert f"Error: {sentence}" in said
    assert "Traceback" not in said


def test_operator_sees_queues_kinds_and_dead_letters(run: Any, settings: Settings) -> None:
    _, queues, _ = run("queues")
    _, kinds, _ = run("kinds")
    _, dead, _ = run("dead", "list", "--reason", DeathReason.WORKER_LOST.value)

    # One a process.
    consumers = {queue.name: queue.concurrency for queue in settings.job_queues.values()}
    assert {queue["name"]: queue["consumers"] for queue in queues} == consumers
    assert "create_task" in {kind["name"] for kind in kinds}
    assert dead["next"] is None


def test_list_of_a_queue_that_is_not_configured_names_those_that_are(run: Any) -> None:
    status, _, error = run("list", "--queue", "tpu")

    assert status == 1
    assert error == "Error: There is no queue 'tpu'. Queues: short, long.\n"


def test_outage_is_told_without_the_password(run: Any) -> None:
    url = f"redis://:secret-password@127.0.0.1:{an_unused_port()}/0"

    code, _, said = run("list", JOBS_REDIS_URL=url)

    assert code == 1
    assert "Error: Redis does not answer" in said
    assert "secret-password" not in said


def test_repairs_can_be_made_by_hand(run: Any) -> None:
    code, found, _ = run("reconcile")

    assert code == 0
    assert set(found) == {"dead_letters", "undecided", "lost", "waiting", "expired", "orphans"}


def test_repairs_without_rabbitmq_say_what_was_not_done(run: Any) -> None:
    url = f"amqp://jobs:jobs@127.0.0.1:{an_unused_port()}/jobs"

    code, found, said = run("reconcile", JOBS_BROKER_URL=url)

    assert code == 1
    assert (found["dead_letters"], found["lost"]) == (None, None)
    assert None not in (found["expired"], found["undecided"], found["waiting"])
    assert said.strip().endswith("so this was not done: dead_letters, lost.")
    assert "Traceback" not in said
