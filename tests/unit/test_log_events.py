"""The stream of a job's log: what is there, what comes, the end; nothing lost, nothing twice."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from project.ledger import Job, Status
from project.ledger.log_line import LogLine
from project.ledger.record import encode_job
from project.live.events import Signal
from tests.builders import a_job
from tests.unit.conftest import ClientMaker
from tests.unit.test_live import Shelf, Wire
from tests.unit.test_log_line import a_line

JOB = a_job(status=Status.RUNNING, version=3)
FINISHED = replace(JOB, status=Status.SUCCEEDED, version=4)
PATH = f"/api/v1/jobs/{JOB.id}/log/events"
POKE = (f"events:log:{JOB.id}", "1-1")
END = (f"events:job:{JOB.id}", json.dumps(encode_job(FINISHED)))


@dataclass
class Paper:
    """Stands in for the jobs' logs: each look may find more."""

    lines: list[LogLine] = field(default_factory=list)
    growth: int = 0

    def read(self, _job_id: str, after: str = "", limit: int = 500) -> list[LogLine]:
        found = [line for line in self.lines if line.number > int(after.partition("-")[2] or 0)]
        self.lines += [a_line(number=len(self.lines) + 1)] * self.growth
        return found[:limit]

    def find_start(self, _job_id: str, newest: int) -> str:
        return f"1-{len(self.lines) - newest}"


def paper_of(count: int, growth: int = 0) -> Paper:
    return Paper([a_line(number=number) for number in range(1, count + 1)], growth)


def events_of(
    make_client: ClientMaker,
    paper: Paper,
    wire: Wire,
    *states: Job,
    query: str = "",
    **headers: Any,
) -> list[tuple[str, str]]:
    """The name and the id of each event of the stream."""
    client = make_client(listener=wire, ledger=Shelf(list(states) or [JOB]), job_log=paper)
    told = []
    for event in client.get(PATH + query, headers=headers).text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.splitlines())
        if "event" in fields:
            told.append((fields["event"], fields.get("id", "")))
    return told


def lines_of(*numbers: int) -> list[tuple[str, str]]:
    return [("line", f"1-{number}") for number in numbers]


def test_lines_that_are_there_come_first_then_each_new_one(make_client: ClientMaker) -> None:
    wire = Wire([POKE, POKE])

    told = events_of(make_client, paper_of(2, growth=1), wire)

    assert told == lines_of(1, 2, 3, 4)
    assert wire.channels == (f"events:log:{JOB.id}", f"events:job:{JOB.id}")


@pytest.mark.parametrize("messages", [[POKE] * 5, [Signal.RESYNC] * 3, [POKE, Signal.RESYNC]])
def test_no_line_is_told_twice(messages: list[Any], make_client: ClientMaker) -> None:
    assert events_of(make_client, paper_of(3), Wire(messages)) == lines_of(1, 2, 3)


def test_lines_are_read_again_when_news_may_have_been_missed(make_client: ClientMaker) -> None:
    told = events_of(make_client, paper_of(1, growth=1), Wire([Signal.RESYNC]))

    assert told == lines_of(1, 2)


def test_stream_ends_behind_the_jobs_last_line(make_client: ClientMaker) -> None:
    """The last lines are written before the outcome, so they are there when it is told."""
    told = events_of(make_client, paper_of(1, growth=1), Wire([END, POKE]), JOB, JOB, FINISHED)

    assert told == [*lines_of(1, 2), ("end", "")]


def test_stream_of_an_ended_job_tells_its_lines_and_ends(make_client: ClientMaker) -> None:
    assert events_of(make_client, paper_of(2), Wire(), FINISHED) == [*lines_of(1, 2), ("end", "")]


def test_broken_stream_goes_on_behind_the_last_line(make_client: ClientMaker) -> None:
    told = events_of(
        make_client, paper_of(9), Wire(), query="?newest=1&after=1-2", **{"Last-Event-ID": "1-7"}
    )

    assert told == lines_of(8, 9)


def test_stream_begins_where_it_is_asked_to(make_client: ClientMaker) -> None:
    assert events_of(make_client, paper_of(9), Wire(), query="?after=1-8") == lines_of(9)
    assert events_of(make_client, paper_of(9), Wire(), query="?newest=2") == lines_of(8, 9)


@pytest.mark.parametrize("query", ["?after=x", "?newest=-1", "?newest=1001", "?limit=1"])
def test_wrong_query_is_a_400(query: str, make_client: ClientMaker) -> None:
    client = make_client(listener=Wire(), ledger=Shelf([JOB]), job_log=paper_of(1))

    assert client.get(PATH + query).status_code == 400


def test_wrong_last_event_id_is_a_400(make_client: ClientMaker) -> None:
    client = make_client(listener=Wire(), ledger=Shelf([JOB]), job_log=paper_of(1))

    assert client.get(PATH, headers={"Last-Event-ID": "x"}).status_code == 400


def test_log_comes_page_by_page(make_client: ClientMaker) -> None:
    client = make_client(ledger=Shelf([JOB]), job_log=paper_of(5))
    path, seen, after = f"/api/v1/jobs/{JOB.id}/log", [], ""

    for _ in range(3):
        page: Any = client.get(path, query_string={"limit": 2, "after": after}).json
        seen.append([line["id"] for line in page["lines"]])
        after = page["next"] or ""

    assert seen == [["1-1", "1-2"], ["1-3", "1-4"], ["1-5"]]
    assert after == ""


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "format=xml", "after=1", "level=x"])
def test_wrong_query_of_a_page_is_a_400(query: str, make_client: ClientMaker) -> None:
    client = make_client(ledger=Shelf([JOB]), job_log=paper_of(1))

    assert client.get(f"/api/v1/jobs/{JOB.id}/log?{query}").status_code == 400


def test_log_as_text_is_all_of_it(make_client: ClientMaker) -> None:
    client = make_client(listener=Wire(), ledger=Shelf([JOB]), job_log=paper_of(1200))

    answer = client.get(f"/api/v1/jobs/{JOB.id}/log?format=text")

    assert answer.content_type == "text/plain; charset=utf-8"
    assert len(answer.text.splitlines()) == 1200
