"""The event streams: the state first, then each change once, in order."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from project.errors import NotFoundError
from project.ledger import Job, Status
from project.ledger.record import encode_job
from project.live.events import Inbox, Signal
from tests.builders import a_job
from tests.unit.conftest import ClientMaker


@dataclass
class Wire:
    """Stands in for the listener: every inbox finds these messages, then the end."""

    messages: list[Any] = field(default_factory=list)
    channels: tuple[str, ...] = ()

    @contextmanager
    def listen(self, channels: Any) -> Any:
        self.channels = tuple(channels)
        inbox = Inbox()
        for message in [*self.messages, Signal.CLOSE]:
            inbox.put(message)
        yield inbox


@dataclass
class Shelf:
    """Stands in for ledger and sign-ups: holds one job, which a look may find changed."""

    states: list[Job]

    def get(self, job_id: str) -> Job:
        if not self.states or job_id != self.states[0].id:
            raise NotFoundError(f"There is no job {job_id}.")
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def list_owned(self, _owner: str) -> list[Job]:
        return [self.get(self.states[0].id)]


class NoSignUps:
    """Stands in for sign-ups: there are none."""

    def list_owned(self, _owner: str) -> list[Any]:
        return []


@pytest.fixture
def versions_on(make_client: ClientMaker) -> Callable[..., list[int]]:
    """The versions of the job that a stream sends."""

    def read(path: str, wire: Wire, *states: Job) -> list[int]:
        client = make_client(listener=wire, ledger=Shelf(list(states)), signups=NoSignUps())
        client.set_cookie("browser", "o" * 22)
        text = client.get(path).text
        return [
            json.loads(line.removeprefix("data: "))["version"]
            for line in text.splitlines()
            if line.startswith("data: ")
        ]

    return read


def change(job: Job) -> tuple[str, str]:
    """The event of a job's change."""
    return f"events:job:{job.id}", json.dumps(encode_job(job))


JOB = a_job(status=Status.RUNNING, version=3)
OWN, ONE = "/api/v1/events", f"/api/v1/jobs/{JOB.id}/events"
LOOKS = {OWN: 1, ONE: 2}  # that the request itself takes at the job
BOTH = pytest.mark.parametrize("path", [OWN, ONE], ids=["own", "one"])


@BOTH
def test_state_comes_first_then_the_changes(path: str, versions_on: Any) -> None:
    wire = Wire([change(replace(JOB, version=version)) for version in (4, 5)])

    assert versions_on(path, wire, JOB) == [3, 4, 5]


@BOTH
def test_change_from_before_the_first_look_is_not_sent_again(path: str, versions_on: Any) -> None:
    """It was published between the subscription and the look at the state."""
    wire = Wire([change(replace(JOB, version=version)) for version in (2, 3, 4)])

    assert versions_on(path, wire, JOB) == [3, 4]


@BOTH
def test_state_is_read_again_when_changes_may_have_been_missed(path: str, versions_on: Any) -> None:
    wire = Wire([Signal.RESYNC])

    assert versions_on(path, wire, *[JOB] * LOOKS[path], replace(JOB, version=7)) == [3, 7]


@BOTH
def test_state_that_has_not_changed_is_not_sent_again(path: str, versions_on: Any) -> None:
    assert versions_on(path, Wire([Signal.RESYNC, Signal.RESYNC]), JOB) == [3]


@BOTH
def test_record_that_was_lost_and_written_anew_is_told(path: str, versions_on: Any) -> None:
    """Its versions start over; the next look at the state tells of it."""
    rebuilt = replace(JOB, version=1)

    states = [JOB] * LOOKS[path]

    assert versions_on(path, Wire([Signal.RESYNC]), *states, rebuilt) == [3, 1]


def test_stream_of_one_job_ends_with_the_job(versions_on: Any) -> None:
    finished = replace(JOB, version=4, status=Status.SUCCEEDED)
    wire = Wire([change(finished), change(replace(JOB, version=5))])

    assert versions_on(ONE, wire, JOB) == [3, 4]


def test_stream_of_an_ended_job_tells_its_state_and_ends(versions_on: Any) -> None:
    finished = replace(JOB, status=Status.FAILED)

    assert versions_on(ONE, Wire(), finished) == [3]


def test_stream_of_an_unknown_job_is_a_404(make_client: ClientMaker) -> None:
    client = make_client(listener=Wire(), ledger=Shelf([JOB]))

    assert client.get("/api/v1/jobs/unknown/events").status_code == 404


def test_stream_of_a_job_that_is_forgotten_ends(make_client: ClientMaker) -> None:
    """Its record has expired, or was lost with Redis's last second."""
    shelf = Shelf([JOB])
    wire = Wire([Signal.RESYNC])
    client = make_client(listener=wire, ledger=shelf)
    answer = client.get(ONE)

    shelf.states.clear()

    assert answer.status_code == 200
    assert "data:" not in answer.text


def test_stream_is_not_cached_and_not_buffered(make_client: ClientMaker) -> None:
    client = make_client(listener=Wire(), ledger=Shelf([JOB]), signups=NoSignUps())

    answer = client.get(OWN)

    assert answer.content_type == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"


def test_browser_hears_of_its_own_jobs_and_signups_only(make_client: ClientMaker) -> None:
    wire = Wire()
    client = make_client(listener=wire, ledger=Shelf([JOB]), signups=NoSignUps())
    client.set_cookie("browser", "o" * 22)

    assert client.get(OWN).text
    assert wire.channels == (f"events:owner:{'o' * 22}", f"signups:owner:{'o' * 22}")


def test_browser_without_an_id_hears_of_nothing(make_client: ClientMaker) -> None:
    wire = Wire()
    client = make_client(listener=wire, ledger=Shelf([JOB]), signups=NoSignUps())

    assert "data:" not in client.get(OWN).text
    assert wire.channels == ()


def jobs_on(make_client: ClientMaker, query: str, wire: Wire, *states: Job) -> list[Any]:
    """The ids of the jobs that a stream of this query tells, or the names of its other events."""
    client = make_client(listener=wire, ledger=Shelf(list(states) or [JOB]), signups=NoSignUps())
    client.set_cookie("browser", "o" * 22)
    events = client.get(f"{OWN}?{query}").text.split("\n\n")
    told = [dict(line.split(": ", 1) for line in event.splitlines()) for event in events]
    return [
        json.loads(event["data"]).get("id", event["event"]) for event in told if "event" in event
    ]


def test_stream_of_all_jobs_begins_with_the_advice_to_list_them(make_client: ClientMaker) -> None:
    """Nothing can be missed: what changes after that comes through the stream."""
    wire = Wire([change(JOB), Signal.RESYNC, change(replace(JOB, version=4))])

    told = jobs_on(make_client, "scope=all", wire)

    assert told == ["resync", JOB.id, "resync", JOB.id]
    assert wire.channels == ("events:jobs",)


@pytest.mark.parametrize(
    ("query", "is_told"),
    [
        ("kind=create_task", True),
        ("kind=email.send", False),
        ("kind=email.send,create_task", True),
        ("kind=email.send&kind=create_task", True),
        ("queue=short", True),
        ("queue=long", False),
        ("status=running", True),
        ("status=failed,dead", False),
        ("queue=short&status=running&kind=create_task", True),
        ("queue=short&status=queued", False),
    ],
)
def test_filter_lets_only_its_jobs_pass(
    query: str, is_told: bool, make_client: ClientMaker
) -> None:
    all_jobs = jobs_on(make_client, f"scope=all&{query}", Wire([change(JOB)]))
    own_jobs = jobs_on(make_client, query, Wire([change(replace(JOB, version=4))]))

    assert (JOB.id in all_jobs) is is_told
    assert own_jobs == [JOB.id] * 2 * is_told


@pytest.mark.parametrize(
    "query", ["scope=none", "scope=", "queue=middle", "status=gone", "status=", "staus=failed"]
)
def test_wrong_query_is_a_400_that_names_it(query: str, make_client: ClientMaker) -> None:
    answer = make_client().get(f"{OWN}?{query}")

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"].startswith(query.partition("=")[0])
