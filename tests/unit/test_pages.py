"""The pages, as far as they are made on the server."""

from dataclasses import dataclass

import pytest

from project.ledger.run_times import RunTime
from project.server.pages import describe_blocking
from tests.unit.conftest import ClientMaker


@dataclass
class Measured:
    """Stands in for what was measured."""

    times: list[RunTime]

    def read(self) -> list[RunTime]:
        return self.times


def a_run_time(p95_seconds: float, queue: str = "short", kind: str = "email.send") -> RunTime:
    return RunTime(
        queue=queue,
        kind=kind,
        runs=20,
        p50_seconds=1.0,
        p95_seconds=p95_seconds,
        promise_seconds={"short": 30.0}.get(queue),
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(31.4, "31 s"), (119.0, "119 s"), (150.0, "2 min"), (3600.0, "1 h"), (5400.0, "1.5 h")],
)
def test_kind_that_holds_up_a_queue_says_for_how_long(seconds: float, words: str) -> None:
    said = describe_blocking([a_run_time(seconds)])

    assert said == f"Holds up the short queue: one in twenty runs for {words} or longer."


def test_long_queue_is_held_up_by_nothing() -> None:
    assert describe_blocking([a_run_time(2.0), a_run_time(9000.0, queue="long")]) == ""


def test_choice_of_kinds_tells_of_the_one_that_holds_up_a_queue(make_client: ClientMaker) -> None:
    client = make_client(run_times=Measured([a_run_time(45.0), a_run_time(1.0, kind="sign_up")]))

    page = client.get("/new").text

    assert page.count("Holds up the short queue") == 1
    assert page.index("email.send") < page.index("Holds up") < page.index("web.crawl")


def test_choice_of_kinds_is_known_without_redis(make_client: ClientMaker) -> None:
    answer = make_client().get("/new")

    assert answer.status_code == 200
    assert "Analyse a table" in answer.text
