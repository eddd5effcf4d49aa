"""Which process of a pool gets which job."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count
from time import monotonic
from typing import Any

from project.worker.pool.crew import AHEAD, SOON_SECONDS, Crew
from project.worker.pool.ticket import Ticket

numbers = count(1)


class Hands:
    """A process that does nothing by itself: what it has not begun can be taken back."""

    def __init__(self) -> None:
        self.sent: deque[Ticket] = deque()
        self.is_leaving = False
        self.is_dismissed = False
        self.is_full = False
        self.answers: deque[tuple[bool, Any]] = deque()

    def give(self, ticket: Ticket) -> bool:
        if self.is_full:
            return False
        self.sent.append(ticket)
        self._begin()
        return True

    def take_back(self) -> list[Ticket]:
        taken = [ticket for ticket in self.sent if not ticket.started_at]
        self.sent = deque(ticket for ticket in self.sent if ticket.started_at)
        return taken

    def results(self) -> Iterator[tuple[Ticket, bool, Any]]:
        while self.answers:
            ticket = self.sent.popleft()
            self._begin()
            yield ticket, *self.answers.popleft()

    def dismiss(self) -> None:
        self.is_dismissed = True

    def be_slow(self) -> None:
        """It has been at its job for long."""
        self.sent[0].started_at -= 2 * SOON_SECONDS

    def _begin(self) -> None:
        if self.sent and not self.sent[0].started_at:
            self.sent[0].started_at = monotonic()


def a_ticket(told: list[str] | None = None, *, is_revoked: bool = False) -> Ticket:
    def note(word: str) -> Any:
        return lambda *_: told.append(word) if told is not None else None

    return Ticket(
        next(numbers),
        (),
        note("begun"),
        note("ok"),
        note("failed"),
        note("late"),
        lambda: is_revoked,
    )


def a_crew(size: int) -> tuple[Crew[Hands], list[Hands]]:
    crew: Crew[Hands] = Crew()
    crew.seats.extend(Hands() for _ in range(size))
    return crew, crew.seats


def take(crew: Crew[Hands], number: int) -> list[Ticket]:
    tickets = [a_ticket() for _ in range(number)]
    for ticket in tickets:
        crew.take(ticket)
    return tickets


def sent(hands: Iterable[Hands]) -> list[int]:
    return [len(each.sent) for each in hands]


def test_idle_process_gets_the_next_job() -> None:
    crew, hands = a_crew(2)

    take(crew, 2)

    assert sent(hands) == [1, 1]


def test_some_jobs_wait_in_the_hands_of_the_busy_the_rest_with_us() -> None:
    crew, hands = a_crew(2)

    take(crew, 20)

    assert sent(hands) == [1 + AHEAD, 1 + AHEAD]
    assert len(crew.waiting) == 20 - 2 * (1 + AHEAD)


def test_nothing_is_put_behind_a_job_that_takes_long() -> None:
    crew, (slow, quick) = a_crew(2)
    take(crew, 2)
    slow.be_slow()

    take(crew, 3)

    assert sent([slow, quick]) == [1, 4]


def test_what_waits_behind_a_slow_job_goes_to_who_is_idle_before_anything_younger() -> None:
    crew, (slow, quick) = a_crew(2)
    first, second, third = take(crew, 3)
    assert list(slow.sent) == [first, third]
    slow.be_slow()
    younger = a_ticket()
    crew.waiting.append(younger)

    quick.answers.append((True, None))
    crew.hear(quick)
    crew.hand_out()

    assert list(slow.sent) == [first]
    assert list(quick.sent) == [third, younger]
    assert second not in quick.sent


def test_jobs_behind_slow_ones_wait_with_us_where_all_are_slow() -> None:
    crew, hands = a_crew(2)
    tickets = take(crew, 6)
    for each in hands:
        each.be_slow()

    crew.recall()
    crew.hand_out()

    assert sent(hands) == [1, 1]
    assert list(crew.waiting) == tickets[2:]


def test_full_socket_loses_no_job() -> None:
    crew, (only,) = a_crew(1)
    only.is_full = True

    (ticket,) = take(crew, 1)

    assert list(crew.waiting) == [ticket]
    only.is_full = False
    crew.hand_out()
    assert list(only.sent) == [ticket]


def test_revoked_job_is_given_to_nobody() -> None:
    crew, (only,) = a_crew(1)

    crew.take(a_ticket(is_revoked=True))

    assert not only.sent
    assert not crew.waiting


def test_process_that_leaves_keeps_its_job_and_gets_no_other() -> None:
    crew, (leaving, staying) = a_crew(2)
    first, _, third = take(crew, 3)

    crew.retire(leaving)
    crew.hand_out()

    assert list(leaving.sent) == [first]
    assert third in staying.sent
    assert not leaving.is_dismissed
    leaving.answers.append((True, None))
    crew.hear(leaving)
    assert leaving.is_dismissed


def test_jobs_that_an_ended_process_has_not_begun_wait_again() -> None:
    crew, (ended,) = a_crew(1)
    first, second, third = take(crew, 3)

    lost = crew.leave(ended)

    assert lost == [first]
    assert list(crew.waiting) == [second, third]
    assert not crew.seats


def test_end_of_a_job_is_told_as_what_it_is() -> None:
    crew, (only,) = a_crew(1)
    told: list[str] = []
    for _ in range(2):
        crew.take(a_ticket(told))

    only.answers.extend([(True, None), (False, None)])
    crew.hear(only)

    assert told == ["ok", "failed"]


def test_callback_that_fails_holds_up_no_other_job() -> None:
    crew, (only,) = a_crew(1)
    told: list[str] = []
    broken = a_ticket()
    broken.on_success = lambda _value: 1 / 0
    crew.take(broken)
    crew.take(a_ticket(told))

    only.answers.extend([(True, None), (True, None)])
    crew.hear(only)

    assert told == ["ok"]
    assert not only.sent
