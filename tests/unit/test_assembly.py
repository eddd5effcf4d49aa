"""The parts of a process: made once, when they are asked for, and shared by those who need them."""

from pathlib import Path

import pytest

from project.assembly import Assembly
from project.errors import DefinitionError
from tests.builders import settings_in


@pytest.fixture
def assembly(tmp_path: Path) -> Assembly:
    return Assembly(settings_in(tmp_path))


def test_part_is_made_once(assembly: Assembly) -> None:
    assert assembly.ledger is assembly.ledger
    assert assembly.submitter.ledger is assembly.ledger
    assert assembly.schedules.submitter is assembly.submitter


def test_part_is_made_when_it_is_asked_for(assembly: Assembly) -> None:
    assembly.ledger  # noqa: B018 - asking is all

    made = vars(assembly).keys() - {"settings"}
    assert made == {"ledger", "redis", "publisher", "_on_release"}


def test_scheduler_and_reconciler_share_what_they_work_with(assembly: Assembly) -> None:
    scheduler, reconciler = assembly.make_scheduler(), assembly.reconciler

    assert (
        scheduler.runner.ledger
        is reconciler.repairs.ledger
        is reconciler.dead_letter_consumer.ledger
    )
    assert scheduler.leader_lock.name != reconciler.leader_lock.name


def test_worker_waits_for_redis_where_an_outcome_may_be_lost(assembly: Assembly) -> None:
    """And does not wait for what must not hold a job up: see `Equipment`."""
    equipment = assembly.equipment

    assert equipment.ledger is equipment.submitter.ledger is not equipment.quick_ledger
    assert equipment.redis is not assembly.redis


def test_kinds_of_others_are_loaded_before_any_part_is_made(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError):
        Assembly(settings_in(tmp_path, extra_kinds="no.such.module"))
