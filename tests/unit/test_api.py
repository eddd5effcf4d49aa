"""The API's routes: what of a request reaches the parts behind, and what is answered."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from project.errors import UnavailableError
from project.ledger import Job, Status
from project.ledger.dead_letters import DeadLetter, DeadLetterFilter, DeathReason
from project.ledger.listing import JobFilter, Page, QueueState
from project.submission.preparation import Submission
from tests.builders import NOON, a_job, settings_in
from tests.unit.conftest import ClientMaker

JOBS, LETTERS = "/api/v1/jobs", "/api/v1/dead-letters"


@dataclass
class Book:
    """Stands in for ledger, submitter and dead letters: notes what it is asked."""

    jobs: list[Job] = field(default_factory=lambda: [a_job()])
    next_cursor: str = ""
    asked: list[Any] = field(default_factory=list)

    def list_jobs(self, chosen: JobFilter, cursor: str, limit: int) -> Page:
        self.asked.append((chosen, cursor, limit))
        return Page(self.jobs, self.next_cursor)

    def list_owned(self, owner: str, limit: int) -> list[Job]:
        self.asked.append((owner, limit))
        return self.jobs

    def submit(self, submission: Submission, _trace: Any) -> Job:
        self.asked.append(submission)
        return self.jobs[0]

    def rerun(self, job_id: str, _trace: Any, parameters: Any) -> Job:
        self.asked.append((job_id, parameters))
        return self.jobs[0]

    def rerun_many(self, ids: list[str], _trace: Any, *, rate_per_second: float) -> list[Job]:
        self.asked.append((ids, rate_per_second))
        return self.jobs

    def list_letters(
        self, chosen: DeadLetterFilter, cursor: str = "", limit: int = 0
    ) -> tuple[list[DeadLetter], str]:
        self.asked.append((chosen, cursor, limit))
        return [a_letter(job.id) for job in self.jobs], self.next_cursor

    def read(self, ids: list[str]) -> list[Job | None]:
        return [job for job in self.jobs if job.id in ids]

    def count(self) -> int:
        return 7

    def list_queues(self, _queues: Any) -> list[QueueState]:
        return [QueueState(name="short", depth=3, scheduled=1, running=2, oldest_seconds=4.5)]


def a_letter(letter_id: str) -> DeadLetter:
    return DeadLetter(
        id=letter_id, reason=DeathReason.WORKER_LOST, detail="", died_at=datetime.now(UTC)
    )


# ── Submit and retry ──


@pytest.mark.parametrize(
    "text", ["2026-05-04T12:00:00.123456Z", "2026-05-04T14:00:00.123456+02:00"]
)
def test_job_may_be_submitted_for_later(text: str, make_client: ClientMaker) -> None:
    book = Book()
    body = {"kind": "create_task", "parameters": {"type": 1}, "run_at": text}

    answer = make_client(submitter=book).post(JOBS, json={**body, "deduplication_key": "nightly"})

    assert answer.status_code == 202
    (submission,) = book.asked
    assert submission.run_at == NOON
    assert submission.deduplication_key == "nightly"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_at", "2026-05-04T12:00:00"),
        ("run_at", "2026-05-04"),
        ("run_at", "2026-02-30T12:00:00Z"),
        ("run_at", "9999-12-31T23:59:59-23:59"),
        ("run_at", "tomorrow"),
        ("run_at", 1777896000),
        ("delay_seconds", -1),
        ("delay_seconds", "5"),
        ("delay_seconds", 1e12),
        ("delay_seconds", True),
        ("deduplication_key", "x" * 201),
        ("deduplication_key", 5),
    ],
)
def test_wrong_time_or_key_is_a_400_that_names_it(
    name: str, value: Any, make_client: ClientMaker
) -> None:
    book = Book()

    answer = make_client(submitter=book).post(JOBS, json={"kind": "create_task", name: value})

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == name
    assert book.asked == []


@pytest.mark.parametrize(
    ("body", "parameters"),
    [(b"", None), (b"{}", None), (b'{"parameters": null}', None), (b'{"parameters": {}}', {})],
)
def test_job_is_rerun_as_it_was_or_with_other_parameters(
    body: bytes, parameters: Any, make_client: ClientMaker
) -> None:
    book = Book()

    answer = make_client(submitter=book).post(
        f"{JOBS}/some-id/rerun", data=body, content_type="application/json"
    )

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{JOBS}/{book.jobs[0].id}"
    assert book.asked == [("some-id", parameters)]


# ── Lists ──


def test_filters_may_be_repeated_or_have_commas(make_client: ClientMaker) -> None:
    book = Book()

    make_client(ledger=book).get(
        f"{JOBS}?status=failed,dead&status=cancelled&kind=a&kind=b&queue=short&limit=7&cursor=xy"
        "&submitted_after=2026-05-04T12:00:00.123456Z"
    )

    assert book.asked == [
        (
            JobFilter(
                status=frozenset({"failed", "dead", "cancelled"}),
                kind=frozenset({"a", "b"}),
                queue=frozenset({"short"}),
                submitted_after=NOON,
            ),
            "xy",
            7,
        )
    ]


@pytest.mark.parametrize(
    "query",
    [
        *("status=gone", "status=", "queue=middle", "owner=you", "owner=", "submitted_after=now"),
        *("submitted_before=2026-05-04T12:00:00", "submitted_before=2026-05-04T12:00:00+02:00"),
        *("cursor=a&owner=me", "cursor=a&cursor=b", "cursor=" + "x" * 201),
    ],
)
def test_wrong_filter_is_a_400_that_names_it(query: str, make_client: ClientMaker) -> None:
    """A bare + in a URL is a blank."""
    answer = make_client(ledger=Book()).get(f"{JOBS}?{query}")

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"].startswith(query.partition("=")[0])


@pytest.mark.parametrize("path", [JOBS, "/api/v1/dead-letters", "/api/v1/events"])
def test_filter_takes_the_configured_queues_only(
    path: str, make_client: ClientMaker, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path, queues="short; long; gpu")
    client = make_client(ledger=Book(), dead_letters=Book(), settings=settings)

    answer = client.get(f"{path}?queue=gpu,tpu")

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["field"] == "queue.1"
    assert "must be one of 'short', 'long', 'gpu'" in answer.json["detail"]


def test_list_of_a_configured_queue_is_answered(make_client: ClientMaker, tmp_path: Path) -> None:
    book = Book()
    settings = settings_in(tmp_path, queues="short; long; gpu")

    answer = make_client(ledger=book, settings=settings).get(f"{JOBS}?queue=gpu")

    assert answer.status_code == 200
    assert book.asked[0][0].queue == {"gpu"}


def test_page_that_has_a_next_one_links_to_it(make_client: ClientMaker) -> None:
    client = make_client(ledger=Book(next_cursor="abc"))

    answer = client.get(f"{JOBS}?status=failed&status=dead&limit=1&cursor=before")

    assert answer.json is not None
    assert answer.json["next"] == "abc"
    address, _, relation = answer.headers["Link"].partition("; ")
    assert relation == 'rel="next"'
    assert address == f"<{JOBS}?status=failed&status=dead&limit=1&cursor=abc>"


def test_last_page_has_no_next_one(make_client: ClientMaker) -> None:
    answer = make_client(ledger=Book()).get(JOBS)

    assert answer.json is not None
    assert answer.json["next"] is None
    assert "Link" not in answer.headers


def test_browser_lists_its_own_jobs_and_may_filter_them(make_client: ClientMaker) -> None:
    book = Book([a_job(status=Status.RUNNING), a_job(), a_job(status=Status.RUNNING)])
    client = make_client(ledger=book)
    client.set_cookie("browser", "o" * 22)

    answer = client.get(f"{JOBS}?owner=me&status=running&limit=1")

    assert answer.json is not None
    assert [job["id"] for job in answer.json["jobs"]] == [book.jobs[0].id]
    assert book.asked[0][0] == "o" * 22


# ── Queues and dead letters ──


@dataclass
class Broker:
    """Stands in for the publisher."""

    error: Exception | None = None

    def depths(self, queues: list[str], _timeout: float) -> dict[str, tuple[int, int]]:
        if self.error:
            raise self.error
        return dict.fromkeys(queues, (3, 1))


@pytest.mark.parametrize(
    ("broker", "ready", "consumers"),
    [(Broker(), 3, 1), (Broker(UnavailableError("RabbitMQ")), None, None)],
)
def test_queues_are_told_even_without_the_broker(
    broker: Broker, ready: int | None, consumers: int | None, make_client: ClientMaker
) -> None:
    book = Book()

    answer = make_client(ledger=book, publisher=broker, dead_letters=book).get("/api/v1/queues")

    assert answer.json == {
        "queues": [
            {
                "name": "short",
                "depth": 3,
                "scheduled": 1,
                "running": 2,
                "oldest_seconds": 4.5,
                "ready": ready,
                "consumers": consumers,
            }
        ],
        "dead_letters": 7,
    }


def test_list_of_dead_letters_leaves_their_messages_out(make_client: ClientMaker) -> None:
    book = Book([a_job(status=Status.DEAD)])

    answer = make_client(ledger=book, dead_letters=book).get(f"{LETTERS}?reason=worker_lost")

    assert answer.json is not None
    (letter,) = answer.json["dead_letters"]
    assert letter["message"] is None
    assert letter["job"]["id"] == letter["id"] == book.jobs[0].id
    assert book.asked[0][0] == DeadLetterFilter(reason=frozenset({"worker_lost"}))


@pytest.mark.parametrize(
    ("body", "ids", "rate"),
    [
        ({"ids": ["a", "b"]}, ["a", "b"], 0),
        ({"ids": []}, [], 0),
        ({"ids": ["a"], "rate_per_second": 2.5}, ["a"], 2.5),
        ({"reason": ["worker_lost"], "queue": ["short"]}, None, 0),
        ({}, None, 0),
    ],
)
def test_dead_letters_are_replayed_by_id_or_by_filter(
    body: dict[str, Any], ids: list[str] | None, rate: float, make_client: ClientMaker
) -> None:
    book = Book()

    answer = make_client(submitter=book, dead_letters=book).post(f"{LETTERS}/rerun", json=body)

    assert answer.status_code == 207
    assert answer.json is not None
    assert answer.json["left"] == 7
    assert [item["status"] for item in answer.json["jobs"]] == [202]
    assert book.asked[-1] == ([book.jobs[0].id] if ids is None else ids, rate)


@pytest.mark.parametrize(
    "body",
    [
        {"ids": ["a"], "reason": ["worker_lost"]},
        {"ids": ["a"], "kind": []},
        {"reason": ["bored"]},
        {"rate_per_second": 0},
        {"ids": ["a"] * 1001},
        {"id": ["a"]},
    ],
)
def test_unclear_choice_of_dead_letters_is_a_400(
    body: dict[str, Any], make_client: ClientMaker
) -> None:
    book = Book()

    answer = make_client(submitter=book, dead_letters=book).post(f"{LETTERS}/rerun", json=body)

    assert answer.status_code == 400
    assert book.asked == []


@pytest.mark.parametrize("path", [f"{JOBS}/bulk", f"{LETTERS}/rerun"])
def test_word_in_an_ids_place_is_no_id(path: str, make_client: ClientMaker) -> None:
    answer = make_client().get(path)

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
