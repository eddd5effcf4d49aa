"""The ids of a request, in and out, and its one outcome line."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from project.observability.binding import read_bound
from tests.unit.conftest import ClientMaker

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def outcome_of(lines: list[Any]) -> Any:
    (line,) = [line for line in lines if line["event"] == "http_request"]
    return line


def test_request_has_one_outcome_line(make_client: ClientMaker) -> None:
    with capture_logs() as lines:
        make_client().get("/api/v1/kinds")

    line = outcome_of(lines)
    assert line["log_level"] == "info"
    assert line["http_method"] == "GET"
    assert line["path"] == "/api/v1/kinds"
    assert line["http_status"] == 200
    assert line["outcome"] == "success"
    assert line["client_ip"] == "127.0.0.1"
    assert line["duration_ns"] > 0


@pytest.mark.parametrize(
    ("path", "status", "outcome"),
    [("/nothing", 404, "success"), ("/api/v1/jobs/x", 503, "failure")],
)
def test_refused_request_is_a_success_of_ours_and_an_outage_is_not(
    path: str, status: int, outcome: str, make_client: ClientMaker
) -> None:
    with capture_logs() as lines:
        make_client().get(path)

    assert (outcome_of(lines)["http_status"], outcome_of(lines)["outcome"]) == (status, outcome)


@pytest.mark.parametrize("path", ["/healthz", "/static/favicon.svg"])
def test_probe_and_static_file_are_quiet(path: str, make_client: ClientMaker) -> None:
    with capture_logs() as lines:
        make_client().get(path)

    assert outcome_of(lines)["log_level"] == "debug"


def test_client_behind_a_socket_of_the_file_system_has_no_address(
    make_client: ClientMaker,
) -> None:
    with capture_logs() as lines:
        make_client().get("/api/v1/kinds", environ_overrides={"REMOTE_ADDR": ""})

    assert outcome_of(lines)["client_ip"] is None


def test_token_of_a_confirmation_stays_out_of_the_log(make_client: ClientMaker) -> None:
    with capture_logs() as lines:
        make_client().get("/confirm/secret-token")
        make_client().post("/confirm/secret-token")

    assert "secret-token" not in str(lines)


def test_query_stays_out_of_the_log(make_client: ClientMaker) -> None:
    with capture_logs() as lines:
        make_client().get("/api/v1/kinds?email=ada@example.org")

    assert "ada@example.org" not in str(lines)


def test_trace_of_the_caller_is_answered_and_continued(make_client: ClientMaker) -> None:
    answer = make_client().get(
        "/healthz", headers={"traceparent": TRACEPARENT, "X-Request-ID": "order-7"}
    )

    assert answer.headers["traceparent"].startswith(f"00-{TRACE_ID}-")
    assert answer.headers["traceparent"] != TRACEPARENT
    assert answer.headers["X-Request-ID"] == "order-7"


def test_hostile_request_id_is_not_echoed(make_client: ClientMaker) -> None:
    answer = make_client().get("/healthz", headers={"X-Request-ID": "<script>alert(1)</script>"})

    assert "script" not in answer.headers["X-Request-ID"]


def test_every_error_is_answered_with_its_ids(make_client: ClientMaker) -> None:
    answer = make_client().get("/nothing", headers={"traceparent": TRACEPARENT})

    assert TRACE_ID in answer.headers["traceparent"]


def test_ids_do_not_outlive_the_request(make_client: ClientMaker) -> None:
    """A kept-alive connection's next line may be gunicorn's own, of no request."""
    make_client().get("/healthz", headers={"traceparent": TRACEPARENT}).close()

    assert read_bound() == {}


def test_second_request_has_ids_of_its_own(make_client: ClientMaker) -> None:
    client = make_client()

    ids = {client.get("/healthz").headers["traceparent"] for _ in range(3)}

    assert len(ids) == 3


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/kinds", 200),
        ("HEAD", "/api/v1/kinds", 200),
        ("OPTIONS", "/api/v1/kinds", 200),
        ("GET", "/nothing", 404),
        ("DELETE", "/api/v1/kinds", 405),
        ("POST", "/api/v1/jobs", 400),
        ("GET", "/api/v1/socket", 426),
        ("GET", "/api/v1/jobs/x", 503),
        ("GET", "/api/v1/jobs/x/events", 503),
        ("GET", "/fails", 500),
    ],
)
def test_every_request_has_one_outcome_line(
    method: str, path: str, status: int, make_client: ClientMaker
) -> None:
    client = make_client()
    client.application.add_url_rule("/fails", view_func=lambda: 1 / 0)  # type: ignore[arg-type]

    with capture_logs() as lines:
        client.open(path, method=method, data=b"broken").close()

    assert outcome_of(lines)["http_status"] == status


def test_body_that_is_too_large_has_its_line(make_client: ClientMaker) -> None:
    client = make_client()
    client.application.config["MAX_CONTENT_LENGTH"] = 10

    with capture_logs() as lines:
        client.post("/api/v1/jobs", json={"kind": "x" * 100})

    assert outcome_of(lines)["http_status"] == 413


def test_request_that_fails_before_all_else_has_its_line(make_client: ClientMaker) -> None:
    client = make_client()

    class Broken:
        def open_session(self, *_: Any) -> None:
            raise RuntimeError("no session")

    client.application.session_interface = Broken()  # type: ignore[assignment]

    with capture_logs() as lines:
        answer = client.get("/api/v1/kinds")

    assert outcome_of(lines)["http_status"] == 500
    assert answer.headers["traceparent"]


@pytest.mark.parametrize(("method", "has_body"), [("GET", True), ("HEAD", False)])
def test_line_tells_how_long_the_body_is(
    method: str, has_body: bool, make_client: ClientMaker
) -> None:
    with capture_logs() as lines:
        answer = make_client().open("/api/v1/kinds", method=method)

    assert outcome_of(lines)["response_bytes"] == len(answer.data)
    assert bool(answer.data) is has_body


def test_lines_of_a_request_name_the_span_that_caused_it(make_client: ClientMaker) -> None:
    client, bound = make_client(), []
    client.application.add_url_rule("/look", view_func=lambda: bound.append(read_bound()) or "seen")

    client.get("/look", headers={"traceparent": TRACEPARENT, "tracestate": "vendor=secret"})
    client.get("/look")

    assert bound[0]["parent_id"] == "00f067aa0ba902b7"
    assert "parent_id" not in bound[1]
    assert "secret" not in str(bound)


def test_callers_wish_not_to_be_sampled_is_answered(make_client: ClientMaker) -> None:
    answer = make_client().get("/healthz", headers={"traceparent": f"{TRACEPARENT[:-1]}0"})

    assert answer.headers["traceparent"].endswith("-00")
