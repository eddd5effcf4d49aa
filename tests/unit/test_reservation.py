"""An attempt that began without a claim is claimed once, by whoever needs that first."""

import threading
from contextvars import ContextVar

import pytest
from celery.exceptions import Ignore

from project.errors import TransitionError
from project.worker.reservation import Reservation

NAME: ContextVar[str] = ContextVar("name", default="nobody")


def test_attempt_is_claimed_once() -> None:
    reservation, claims = Reservation("j1", "here:1:1#1"), []
    reservation.begin(claims.append)
    assert reservation.unclaimed_holder == "here:1:1#1"

    for _ in range(2):
        reservation.claim("ledger")  # type: ignore[arg-type]

    assert claims == ["ledger"]
    assert reservation.unclaimed_holder == ""


def test_refused_claim_may_be_tried_again() -> None:
    def refuse(_ledger: object) -> None:
        raise TransitionError("It is cancelled.")

    reservation = Reservation("j1", "here:1:1#1")
    reservation.begin(refuse)

    with pytest.raises(TransitionError):
        reservation.claim("ledger")  # type: ignore[arg-type]
    assert not reservation.is_claimed


def test_claim_from_another_thread_is_of_the_attempt_nevertheless() -> None:
    reservation, names = Reservation("j1", "here:1:1#1"), []
    token = NAME.set("attempt")
    reservation.begin(lambda _: names.append(NAME.get()))
    NAME.reset(token)

    thread = threading.Thread(target=reservation.claim_from_outside, args=("ledger",))
    thread.start()
    thread.join()

    assert names == ["attempt"]
    assert reservation.is_claimed


def test_refusal_is_asked_for_once_from_outside() -> None:
    asked = []

    def refuse(ledger: object) -> None:
        asked.append(ledger)
        raise Ignore

    reservation = Reservation("j1", "here:1:1#1")
    reservation.begin(refuse)

    with pytest.raises(Ignore):
        reservation.claim_from_outside("ledger")  # type: ignore[arg-type]
    reservation.claim_from_outside("ledger")  # type: ignore[arg-type]
    assert asked == ["ledger"]

    with pytest.raises(Ignore):
        reservation.claim("ledger")  # type: ignore[arg-type]


def test_what_has_not_begun_is_not_claimed() -> None:
    reservation = Reservation("j1", "here:1:1#1")

    reservation.claim_from_outside("ledger")  # type: ignore[arg-type]

    assert not reservation.is_claimed
