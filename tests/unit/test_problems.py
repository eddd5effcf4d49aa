"""Errors as problem documents: each class has its status, and nothing inner is shown."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from redis import ConnectionError as RedisConnectionError
from redis import TimeoutError as RedisTimeoutError
from werkzeug.exceptions import Forbidden

from project import errors
from project.server.problems import STATUSES
from tests.unit.conftest import ClientMaker

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
TEXT = "Choose another picture."


def _descendants(kind: type[Exception]) -> Iterator[type[Exception]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def client_that_meets(error: Exception, make_client: ClientMaker) -> FlaskClient:
    """A client of an application one of whose routes raises the error."""

    def fail() -> None:
        raise error

    client = make_client()
    client.application.add_url_rule("/fails", view_func=fail)
    return client


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInputError(TEXT), 400),
        (errors.InvalidPictureError(TEXT), 422),
        (errors.TooLargeError(TEXT), 413),
        (errors.UnknownKindError(TEXT), 404),
        (errors.NotFoundError(TEXT), 404),
        (errors.LinkInvalidError(TEXT), 404),
        (errors.LinkExpiredError(TEXT), 410),
        (errors.UnavailableError("RabbitMQ"), 503),
        (errors.QueueFullError("short", 100_000), 429),
        (errors.GoneError(TEXT), 410),
        (RedisConnectionError("secret"), 503),
        (RedisTimeoutError("secret"), 503),
        (Forbidden(), 403),
        (errors.TransitionError(TEXT), 409),
        (errors.CancelledError(TEXT), 409),
        (errors.KeyReusedError(TEXT), 409),
        (errors.DefinitionError("inner"), 500),
        (ValueError("secret"), 500),
    ],
)
def test_error_is_answered_with_its_status_as_a_problem_document(
    error: Exception, status: int, make_client: ClientMaker
) -> None:
    answer = client_that_meets(error, make_client).get("/fails")

    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["status"] == status
    assert answer.json["type"] == "about:blank"
    assert answer.json["title"]
    assert answer.json["detail"]
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("kind", sorted(STATUSES, key=lambda kind: kind.__name__))
def test_more_general_error_does_not_hide_a_special_one(kind: type[errors.JobsError]) -> None:
    order = list(STATUSES)

    assert not [other for other in order[: order.index(kind)] if issubclass(kind, other)]


def test_error_that_a_client_can_mend_says_what_to_change(make_client: ClientMaker) -> None:
    answer = client_that_meets(errors.InvalidInputError(TEXT, field="picture"), make_client)

    document = answer.get("/fails").json

    assert document is not None
    assert document["detail"] == TEXT
    assert document["field"] == "picture"


def test_full_queue_is_told_with_its_depth_and_when_to_come_again(make_client: ClientMaker) -> None:
    answer = client_that_meets(errors.QueueFullError("short", 100_000), make_client).get("/fails")

    assert answer.json is not None
    assert answer.json["queue"] == "short"
    assert answer.json["depth"] == answer.json["limit"] == 100_000
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "error", [ValueError("secret"), RedisConnectionError("secret"), KeyError("secret")]
)
def test_inner_error_is_not_shown(error: Exception, make_client: ClientMaker) -> None:
    assert "secret" not in client_that_meets(error, make_client).get("/fails").text


@pytest.mark.parametrize("error", [errors.UnavailableError("Redis"), RedisConnectionError("x")])
def test_outage_says_when_to_try_again(error: Exception, make_client: ClientMaker) -> None:
    answer = client_that_meets(error, make_client).get("/fails")

    assert int(answer.headers["Retry-After"]) >= 1


def test_person_gets_a_page_and_the_same_status(make_client: ClientMaker) -> None:
    client = client_that_meets(errors.NotFoundError("<script>alert(1)</script>"), make_client)

    answer = client.get("/fails", headers={"Accept": BROWSER})

    assert answer.status_code == 404
    assert answer.content_type == "text/html; charset=utf-8"
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/tasks"])
def test_call_of_the_page_gets_json_whatever_it_accepts(
    path: str, make_client: ClientMaker
) -> None:
    answer = make_client().get(path, headers={"Accept": BROWSER})

    assert answer.content_type == "application/problem+json"


def test_wrong_method_says_which_are_right(make_client: ClientMaker) -> None:
    answer = make_client().put("/tasks")

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_errors_that_only_jobs_raise_need_no_status() -> None:
    """A new error class is either answered with a status of its own, or listed here."""
    inner = {
        errors.LeasedError,
        errors.UndecidedError,
        errors.ExhaustedError,
        errors.MistakenError,
        errors.DefinitionError,
        errors.UnreadableMessageError,
        errors.NewerMessageError,
        errors.UnsendableMessageError,
        errors.TemporaryError,
        errors.PermanentError,
    }

    assert set(_descendants(errors.JobsError)) == STATUSES.keys() | inner
