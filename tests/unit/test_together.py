"""How many short jobs begin together, and what becomes of those that cannot."""

from types import SimpleNamespace
from typing import Any

import pytest
from redis import RedisError

from project.jobs import KINDS, Kind
from project.kinds.definition import Context, job
from project.worker.engine.together import BATCH_SECONDS, MOST_TOGETHER, Together
from project.worker.reservation import Reservation
from tests.unit.test_kinds import Parameters


@job("quick", title="Quick", queue="short", time_limit_seconds=60, repeatable=True)
def quick(parameters: Parameters, context: Context) -> None:
    """Do nothing."""


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    kind: Kind = quick
    monkeypatch.setitem(KINDS, kind.name, kind)


class Book:
    """Stands in for the ledger."""

    def __init__(self, refused: tuple[str, ...] = (), error: Exception | None = None) -> None:
        self._refused, self._error = refused, error
        self.holders: list[str] = []
        self.released: list[tuple[str, str]] = []

    def reserve(self, jobs: list[tuple[str, str]], holder: str) -> list[bool]:
        if self._error:
            raise self._error
        self.holders.append(holder)
        return [job_id not in self._refused for job_id, _ in jobs]

    def release(self, jobs: list[tuple[str, str]]) -> None:
        self.released += jobs


def together_with(book: Book) -> Together:
    ledger = SimpleNamespace(attempts=book)
    return Together(SimpleNamespace(ledger=ledger, quick_ledger=ledger))  # type: ignore[arg-type]


def a_batch(*job_ids: str) -> dict[str, Any]:
    return {
        job_id: SimpleNamespace(headers={"task": "quick"}, reservation=None) for job_id in job_ids
    }


def test_as_many_begin_together_as_are_done_in_the_time() -> None:
    together = together_with(Book())
    assert not together.is_short("quick")  # nothing is known of it

    together.note("quick", BATCH_SECONDS / 4.5)
    assert together.count("quick") == 4
    for _ in range(100):
        together.note("quick", 0.00001)
    assert together.count("quick") == MOST_TOGETHER
    together.note("quick", 2.0)
    assert not together.is_short("quick")


def test_kind_that_does_not_say_that_it_may_be_repeated_never_begins_together() -> None:
    together = together_with(Book())

    together.note("create_task", 0.00001)

    assert not together.is_short("create_task")


def test_those_that_cannot_be_reserved_are_left_to_their_claim() -> None:
    book, batch = Book(refused=("b",)), a_batch("a", "b", "c")

    together_with(book).reserve(batch)

    assert batch["b"].reservation is None
    assert {batch[name].reservation.name for name in "ac"} == set(book.holders)


def test_nothing_is_reserved_while_redis_is_away() -> None:
    batch = a_batch("a", "b")

    together_with(Book(error=RedisError())).reserve(batch)

    assert all(delivery.reservation is None for delivery in batch.values())


def test_each_reservation_is_given_up_by_its_own_holder() -> None:
    book = Book()
    deliveries: list[Any] = list(a_batch("a", "b", "c").values())
    deliveries[0].reservation = Reservation("a", "one")
    deliveries[2].reservation = Reservation("c", "two")

    together_with(book).release(deliveries)

    assert book.released == [("a", "one"), ("c", "two")]
