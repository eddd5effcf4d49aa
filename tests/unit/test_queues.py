"""JOBS_QUEUES: what it may say, what a wrong one is answered, and what is made from it."""

import sys
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.native import table
from deploy.native.places import ROOT, Places
from project.config import Settings
from project.queues import QueueSettings, parse_queues
from project.worker import __main__ as worker
from project.worker.app import celery_settings

GPU = "short; long; gpu: concurrency=1, prefetch=1, soft_stop=no"


def celery_of(role: str, queues: str = GPU) -> dict[str, Any]:
    return celery_settings(Settings(role=role, queues=queues))


def test_without_a_setting_there_are_short_and_long() -> None:
    short, long = list(Settings().job_queues.values())[:2]

    assert short == QueueSettings(
        "short", promise_seconds=30, concurrency=2, prefetch=0, soft_stop=True
    )
    assert long == QueueSettings("long", concurrency=2, prefetch=1, soft_stop=False)


def test_queue_is_added_in_its_place() -> None:
    queues = Settings(queues=GPU).job_queues

    assert list(queues) == ["short", "long", "gpu"]
    assert queues["gpu"] == QueueSettings("gpu", concurrency=1, prefetch=1, soft_stop=False)


def test_values_that_are_not_given_keep_their_defaults() -> None:
    queues = parse_queues(
        "long: concurrency=8; tpu; short: time_limit_seconds=90,promise_seconds=0.5"
    )

    assert queues["long"] == QueueSettings("long", concurrency=8, prefetch=1, soft_stop=False)
    assert queues["tpu"] == QueueSettings("tpu")
    assert (queues["short"].prefetch, queues["short"].time_limit_seconds) == (0, 90)


@pytest.mark.parametrize(
    "text", ["short;long", " short ; long ;; ", "short: ; long: prefetch = 1,"]
)
def test_blanks_and_empty_parts_do_not_matter(text: str) -> None:
    assert parse_queues(text) == parse_queues("short; long")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "short; GPU",
            "'GPU' cannot name a queue: use at most 30 lower-case letters, digits and hyphens",
        ),
        ("short; g p u", "'g p u' cannot name a queue"),
        ("short; a.b", "'a.b' cannot name a queue"),
        ("short; " + "x" * 31, "cannot name a queue"),
        (": concurrency=1", "'' cannot name a queue"),
        ("dead", "dead is a reserved name: choose another name"),
        ("celery", "celery is a reserved name: choose another name"),
        ("short; gpu; gpu", "the queue gpu is named twice"),
        (
            "gpu: concurency=1",
            "gpu has no value 'concurency'; its values are promise_seconds, concurrency",
        ),
        ("gpu: prefetch=1, prefetch=2", "gpu has prefetch twice"),
        ("gpu: concurrency=0", "concurrency of gpu must be a whole number from 1 to 9999"),
        ("gpu: concurrency", "concurrency of gpu must be a whole number from 1 to 9999"),
        ("gpu: prefetch=-1", "prefetch of gpu must be a whole number from 0 to 9999"),
        ("gpu: soft_stop=maybe", "soft_stop of gpu must be yes or no"),
        ("gpu: promise_seconds=soon", "promise_seconds of gpu must be seconds above 0"),
        ("gpu: time_limit_seconds=0", "time_limit_seconds of gpu must be seconds above 0"),
    ],
)
def test_wrong_setting_refuses_to_start_with_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(queues=text)

    (error,) = caught.value.errors()
    assert error["msg"].startswith("Value error, JOBS_QUEUES")
    assert sentence in error["msg"]
    assert "\n" not in error["msg"]


@pytest.mark.parametrize(
    ("role", "concurrency", "prefetch", "stop_seconds"),
    [("worker-short", 2, 0, 5), ("worker-long", 2, 1, 0), ("worker-gpu", 1, 1, 0)],
)
def test_role_of_a_worker_gives_it_its_queues_values(
    role: str, concurrency: int, prefetch: int, stop_seconds: float
) -> None:
    """So `celery worker -Q gpu` has them as well as `python -m project.worker gpu`."""
    found = celery_of(role)

    assert found["worker_concurrency"] == concurrency
    assert found["worker_prefetch_multiplier"] == prefetch
    assert found["worker_soft_shutdown_timeout"] == stop_seconds


def test_process_of_no_queue_has_no_queues_values() -> None:
    for role in ("web", "gpu", "worker-nowhere"):
        found = celery_of(role)

        assert not {"worker_concurrency", "worker_prefetch_multiplier"} & found.keys()
        assert found["worker_soft_shutdown_timeout"] == Settings().shutdown_seconds


def test_celery_knows_the_configured_queues_and_the_first_is_its_default() -> None:
    found = celery_of("web", "long; gpu; short")

    assert [queue.name for queue in found["task_queues"]] == ["long", "gpu", "short"]
    assert found["task_default_queue"] == found["task_default_routing_key"] == "long"


def test_worker_of_a_queue_that_is_not_configured_refuses_to_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBS_QUEUES", GPU)
    monkeypatch.setattr(sys, "argv", ["worker", "nowhere"])

    with pytest.raises(SystemExit):
        worker.main()

    assert (
        "invalid choice: 'nowhere' (choose from 'short', 'long', 'gpu')" in capsys.readouterr().err
    )


def test_table_of_a_start_names_each_worker() -> None:
    rendered = table.render(Settings(queues=GPU), Places(ROOT / "data", ROOT / "logs"))

    assert "Worker, long queue   2 processes" in rendered
    assert "Worker, gpu queue    1 process\n" in rendered
