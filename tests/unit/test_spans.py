"""Spans: what they tell of requests and attempts; a collector that is away hurts nobody."""

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from project.assembly import Assembly
from project.config import Settings
from project.ledger import Job, Status
from project.ledger.attempts import LeaseState
from project.ledger.job import Attempt, AttemptOutcome, JobError
from project.observability.context import Trace, attempt_span_id, submit_span_id
from project.observability.spans import NO_SPANS, Span, SpanKind, Spans, as_nanoseconds
from project.submission.submit_logging import find_submit, log_submitted
from project.worker.attempt_logging import log_end, log_start, log_stop
from tests.builders import NOON, a_job, an_unused_port
from tests.collector import collecting
from tests.unit.conftest import ClientMaker
from tests.waiting import wait_until

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{CALLER}-01"
SECOND = 10**9


@dataclass
class Kept:
    """Keeps the spans that it is handed."""

    spans: list[Span] = field(default_factory=list)

    def add(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None:
        """There is nothing to do."""


def spans_to(url: str) -> Spans:
    return Assembly(Settings(otlp_endpoint=url, role="web")).spans


def a_span(trace: Trace | None = None, name: str = "run k") -> Span:
    trace = trace or Trace.start(TRACEPARENT)
    return Span(name, SpanKind.CONSUMER, trace, 5 * SECOND, 7 * SECOND, {"jobs.attempt": 2}, "Oh")


def a_running_job() -> tuple[Job, Trace]:
    job = a_job(
        status=Status.RUNNING,
        attempt=1,
        trace_id=TRACE_ID,
        submitted_at=NOON,
        started_at=NOON + timedelta(seconds=2),
        worker="short@host",
    )
    return job, Trace.of_job(job.id, TRACE_ID)


# ── What is told ───────────────────────────────────────────────────────────────────────────────


def test_request_is_a_span_with_the_ids_of_its_lines(make_client: ClientMaker) -> None:
    kept = Kept()

    with capture_logs() as lines:
        answer = make_client(spans=kept).get(
            "/api/v1/jobs/x/events?email=ada@example.org", headers={"traceparent": TRACEPARENT}
        )

    (span,) = kept.spans
    assert answer.headers["traceparent"] == span.trace.traceparent
    assert (span.trace.trace_id, span.trace.parent_id) == (TRACE_ID, CALLER)
    assert (span.name, span.kind) == ("GET /api/v1/jobs/<job_id>/events", SpanKind.SERVER)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 503,
        "http.route": "/api/v1/jobs/<job_id>/events",
        "url.path": "/api/v1/jobs/x/events",
        "url.scheme": "http",
    }
    assert span.error == "503"
    assert span.ended_ns - span.started_ns >= lines[-1]["duration_ns"]


def test_address_that_somebody_made_up_is_no_name_of_a_span(make_client: ClientMaker) -> None:
    kept = Kept()

    make_client(spans=kept).open("/made/up", method="BREW")

    assert (kept.spans[0].name, kept.spans[0].error) == ("HTTP", "")


@pytest.mark.parametrize("path", ["/healthz", "/static/favicon.svg"])
def test_probe_and_static_file_are_no_spans(path: str, make_client: ClientMaker) -> None:
    kept = Kept()

    make_client(spans=kept).get(path)

    assert kept.spans == []


def test_submit_is_a_span_below_the_request() -> None:
    kept, job, request = Kept(), a_job(trace_id=TRACE_ID), Trace.start(TRACEPARENT)

    log_submitted(job, request, find_submit(job, request), 0.5, kept)

    (span,) = kept.spans
    assert (span.name, span.kind) == ("submit create_task", SpanKind.PRODUCER)
    assert span.trace.span_id == submit_span_id(job.id)
    assert span.trace.parent_id == request.span_id
    assert span.ended_ns - span.started_ns == SECOND // 2
    assert span.attributes["messaging.system"] == "rabbitmq"
    assert span.attributes["messaging.destination.name"] == "short"
    assert span.attributes["messaging.message.id"] == job.id


def test_wait_and_run_are_spans_below_the_submit() -> None:
    kept, (job, submitted) = Kept(), a_running_job()
    finished = replace(job, status=Status.SUCCEEDED, finished_at=NOON + timedelta(seconds=5))

    log_start(job, submitted, kept)
    log_end(finished, submitted, kept)

    wait, run = kept.spans
    noon = as_nanoseconds(NOON)
    assert (wait.name, wait.kind) == ("wait create_task", SpanKind.INTERNAL)
    assert (wait.started_ns, wait.ended_ns) == (noon, noon + 2 * SECOND)
    assert (run.name, run.kind, run.error) == ("run create_task", SpanKind.CONSUMER, "")
    assert (run.started_ns, run.ended_ns) == (noon + 2 * SECOND, noon + 5 * SECOND)
    assert wait.trace.parent_id == run.trace.parent_id == submit_span_id(job.id)
    assert run.trace.span_id == attempt_span_id(job.id, 1)
    assert run.attributes["jobs.attempt"] == 1
    assert run.attributes["jobs.attempt.outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        (AttemptOutcome.RETRIED, Status.RETRYING, "OSError"),
        (AttemptOutcome.FAILED, Status.FAILED, "OSError"),
        (AttemptOutcome.INTERRUPTED, Status.QUEUED, ""),
    ],
)
def test_run_tells_how_it_ended_but_not_what_the_error_says(
    outcome: AttemptOutcome, status: Status, error: str
) -> None:
    kept, (job, submitted) = Kept(), a_running_job()
    failure = JobError("OSError", "ada@example.org") if error else None
    attempt = Attempt(number=1, outcome=outcome, started_at=NOON, finished_at=NOON, error=failure)
    finished = replace(job, status=status, earlier_attempts=(attempt,))

    log_end(finished, submitted, kept)

    (span,) = kept.spans
    assert (span.attributes["jobs.attempt.outcome"], span.error) == (outcome.value, error)
    assert "ada@" not in str(span)


def test_cancelled_run_ends_when_it_stops() -> None:
    kept, (job, submitted) = Kept(), a_running_job()

    log_stop(job, LeaseState.CANCEL, submitted, kept)
    log_stop(job, LeaseState.LOST, submitted, kept)

    (span,) = kept.spans
    assert (span.attributes["jobs.attempt.outcome"], span.error) == ("cancelled", "")
    assert span.ended_ns > span.started_ns


def test_run_whose_process_was_killed_is_told_by_the_next_one() -> None:
    kept, (job, submitted) = Kept(), a_running_job()
    lost = Attempt(number=1, outcome=AttemptOutcome.LOST, started_at=NOON, finished_at=NOON)

    log_start(replace(job, attempt=2, earlier_attempts=(lost,)), submitted, kept)

    wait, run = kept.spans
    assert wait.attributes["jobs.attempt"] == 2
    assert run.trace.span_id == attempt_span_id(job.id, 1)
    assert run.error == "lost"


# ── How it gets to the collector ───────────────────────────────────────────────────────────────


def test_collector_gets_the_span_with_its_ids() -> None:
    span = a_span()

    with collecting() as collector:
        outbox = spans_to(collector.url)
        outbox.add(span)
        (received,) = collector.await_spans(TRACE_ID, 1)
        outbox.close()

    assert collector.paths == {"/v1/traces"}
    assert (received.span_id, received.parent_id) == (span.trace.span_id, CALLER)
    assert (received.name, received.kind, received.is_error) == ("run k", "CONSUMER", True)
    assert (received.started_ns, received.ended_ns) == (5 * SECOND, 7 * SECOND)
    assert received.attributes == {"jobs.attempt": 2, "error.type": "Oh"}
    assert received.resource["service.name"] == "jobs"
    assert received.resource["jobs.role"] == "web"


@pytest.mark.parametrize("suffix", ["", "/", "/v1/traces", "/v1/traces/"])
def test_endpoint_may_be_written_with_its_path_or_without(suffix: str) -> None:
    with collecting() as collector:
        outbox = spans_to(f"{collector.url}{suffix}")
        outbox.add(a_span())
        outbox.close()

    assert collector.paths == {"/v1/traces"}


def test_process_that_ends_sends_what_is_left() -> None:
    with collecting() as collector:
        outbox = spans_to(collector.url)
        for _ in range(1000):
            outbox.add(a_span())
        outbox.close()

    assert len(collector.spans) == 1000


def test_span_that_its_caller_does_not_want_is_not_sent() -> None:
    wanted, unwanted = a_span(name="wanted"), a_span(Trace.start(f"{TRACEPARENT[:-1]}0"))

    with collecting() as collector:
        outbox = spans_to(collector.url)
        outbox.add(unwanted)
        outbox.add(wanted)
        outbox.close()

    assert [span.name for span in collector.spans] == ["wanted"]


def test_forked_process_sends_its_own_spans_and_not_its_parents() -> None:
    with collecting() as collector:
        outbox = spans_to(collector.url)
        outbox.add(a_span(name="parent"))
        child = os.fork()
        if child == 0:
            outbox.add(a_span(name="child"))
            outbox.close()
            os._exit(0)
        os.waitpid(child, 0)
        outbox.close()

    assert sorted(span.name for span in collector.spans) == ["child", "parent"]
    assert len({span.resource["process.pid"] for span in collector.spans}) == 2


def test_collector_that_is_away_is_told_once_and_hurts_nobody() -> None:
    outbox = spans_to(f"http://127.0.0.1:{an_unused_port()}")

    with capture_logs() as lines:
        outbox.add(a_span())
        wait_until(lambda: lines, 15)
        for _ in range(5000):
            outbox.add(a_span())
        outbox.close()
        outbox.add(a_span())

    assert [line["event"] for line in lines] == ["spans_dropped"]


def test_without_a_collector_nothing_that_sends_is_imported() -> None:
    """redis-py imports OpenTelemetry's metrics wherever they are installed."""
    code = (
        "import sys; from project.server import create_app; from project.worker.app import *;"
        "create_app(); create_celery(Settings());"
        "assert not [name for name in sys.modules "
        "if name.startswith(('opentelemetry.exporter', 'opentelemetry.sdk.trace', 'google'))]"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_without_a_collector_spans_go_nowhere() -> None:
    assert spans_to("") is NO_SPANS
