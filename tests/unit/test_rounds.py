"""The reconciler's rounds: no work holds up the others."""

from collections.abc import Callable
from typing import Any

import pytest

from project.errors import UnavailableError
from project.scheduler.reconciler.rounds import Reconciler


class Stage:
    """Stands in for the turn, and for all that works."""

    def __init__(self, **failures: Exception) -> None:
        self._failures = failures
        self.done: list[str] = []

    def acquire(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def work(*_: Any) -> Any:
            if name in self._failures:
                raise self._failures[name]
            self.done.append(name)
            return (0, 2) if name == "remove_orphans" else 1

        return work


def reconciler_on(stage: Any) -> Reconciler:
    return Reconciler(
        leader_lock=stage,
        dead_letter_consumer=stage,
        repairs=stage,
        measuring=stage,
        connect=lambda: stage,
    )


ALL = {
    *("take_all", "withdraw_undecided", "republish_lost", "resume_waiting", "trim"),
    *("remove_orphans", "measure_queues", "measure_kinds"),
}


@pytest.mark.parametrize("failure", [LookupError("a fault of ours"), UnavailableError("RabbitMQ")])
@pytest.mark.parametrize("name", sorted(ALL))
def test_work_that_fails_holds_up_no_other(name: str, failure: Exception) -> None:
    stage = Stage(**{name: failure})

    reconciler_on(stage).run_due()

    assert set(stage.done) & ALL == ALL - {name}


def test_fault_of_ours_is_tried_again_when_the_work_is_due_again() -> None:
    """And not in each round: it would fill the log."""
    stage = Stage(republish_lost=LookupError("a fault of ours"))
    reconciler = reconciler_on(stage)

    reconciler.run_due()
    del stage._failures["republish_lost"]
    reconciler.run_due()

    assert "republish_lost" not in stage.done


def test_work_that_an_outage_has_stopped_is_done_in_the_next_round() -> None:
    stage = Stage(republish_lost=UnavailableError("RabbitMQ"))
    reconciler = reconciler_on(stage)

    reconciler.run_due()
    stage._failures.clear()
    reconciler.run_due()

    assert "republish_lost" in stage.done


def test_what_cannot_be_done_now_is_told_beside_what_was_found() -> None:
    stage = Stage(take_all=UnavailableError("RabbitMQ"))

    found = reconciler_on(stage).run_once()

    assert found == {
        "dead_letters": None,
        **dict.fromkeys(("undecided", "lost", "waiting", "expired"), 1),
        "orphans": 2,
    }
