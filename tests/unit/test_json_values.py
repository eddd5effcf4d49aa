"""JSON that comes in: what cannot be stored is refused by its field, over HTTP and elsewhere."""

import json
import tracemalloc
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from project.broker.message import make_message
from project.errors import InvalidInputError, JobsError
from project.json_values import DEEPEST, check_json, parse_json
from project.ledger import Job
from project.ledger.record import encode_job
from project.observability.context import Trace
from project.scheduler.schedules.schedule import Schedule, encode_schedule
from project.scheduler.schedules.schedule_service import ScheduleService
from project.submission.preparation import Submission, prepare
from tests.builders import a_job, a_trace
from tests.unit.backstage import Desk, Shelf
from tests.unit.conftest import ClientMaker

BAD = [
    pytest.param("18446744073709551616", "whole number", id="2^64"),
    pytest.param("-9223372036854775809", "whole number", id="-2^63 - 1"),
    pytest.param('"\\ud83d"', "half of a character", id="half a pair"),
    pytest.param('{"\\udc00": 1}', "half of a character", id="half a pair in a name"),
    pytest.param("NaN", "finite", id="NaN"),
    pytest.param("-Infinity", "finite", id="-Infinity"),
    pytest.param("1e400", "finite", id="1e400"),
]
MAIL = '{"recipient": "ada@example.org", "subject": "s", "text": "t", "values": {"n": %s}}'
JOB = f'{{"kind": "email.send", "parameters": {MAIL}}}'
WORKFLOW = (
    '{"kind": "workflow", "parameters": {"steps": {"a": {"kind": "create_task",'
    ' "parameters": {"type": 0}, "for_each": [%s]}}}}'
)
GOOD = '{"kind": "create_task", "parameters": {"type": 0}}'


def nested(levels: int) -> Any:
    value: Any = "in the middle"
    for _ in range(levels):
        value = {"a": value}
    return value


@dataclass
class Press:
    """Stands in for ledger and submitter: writes what the real ones would, and keeps nothing."""

    def submit(self, submission: Submission, trace: Trace) -> Job:
        job = prepare(submission, trace.trace_id).job
        encode_job(job)
        make_message(job, trace)
        return job

    def submit_many(self, submissions: Sequence[Submission], trace: Trace) -> list[Job | JobsError]:
        answers: list[Job | JobsError] = []
        for submission in submissions:
            try:
                answers.append(self.submit(submission, trace))
            except JobsError as error:
                answers.append(error)
        return answers

    def rerun(self, _job_id: str, trace: Trace, parameters: Any) -> Job:
        given = {"type": 0} if parameters is None else parameters
        return self.submit(Submission(kind="create_task", parameters=given), trace)

    def rerun_many(self, job_ids: list[str], trace: Trace, **_: Any) -> list[Job]:
        return [self.rerun(job_id, trace, None) for job_id in job_ids]

    def list_letters(self, *_: Any, **__: Any) -> tuple[list[Any], str]:
        return [], ""

    def get(self, _letter_id: str) -> None:
        """There is each dead letter."""

    def count(self) -> int:
        return 0


class WritingShelf(Shelf):
    """Writes a schedule as the store does."""

    def add(self, schedule: Schedule) -> Schedule:
        encode_schedule(schedule)
        return super().add(schedule)


def open_client(make_client: ClientMaker) -> Any:
    press, parts = Press(), (WritingShelf(), Desk())
    register: Any = ScheduleService(*parts)  # type: ignore[arg-type]
    return make_client(submitter=press, dead_letters=press, schedules=register)


# ── The check itself ──


@pytest.mark.parametrize(("text", "sentence"), BAD)
def test_value_that_cannot_be_stored_is_named_by_its_path(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence) as caught:
        check_json(parse_json(f'{{"a": [0, {{"n": {text}}}]}}'))

    assert caught.value.field == "a.1.n"


def test_values_nest_so_deep_and_no_deeper() -> None:
    check_json(nested(DEEPEST))

    with pytest.raises(InvalidInputError, match=f"nested {DEEPEST} deep") as caught:
        check_json(nested(DEEPEST + 1))

    assert caught.value.field == "a"


@pytest.mark.parametrize(
    "text", ["[" * depth + "]" * depth for depth in (DEEPEST + 1, 900, 5000, 100_000)]
)
def test_text_that_nests_too_deep_is_refused_however_deep_it_is(text: str) -> None:
    with pytest.raises(InvalidInputError, match="nested"):
        check_json(parse_json(text))


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {1: 2}, {"a": object()}])
def test_value_of_job_code_that_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError):
        check_json(value)


@pytest.mark.parametrize("last", ["null", "1e400"])
def test_check_keeps_no_path_for_each_of_many_values(last: str) -> None:
    """Those of a body of 10 MiB, in lists within lists, would take gigabytes."""
    around = DEEPEST - 1
    value = parse_json("[" * around + "0," * 20_000 + last + "]" * around)

    tracemalloc.start()
    try:
        with suppress(InvalidInputError):
            check_json(value)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 8_000_000


def test_mistake_in_the_text_is_told_with_its_place_and_without_the_text() -> None:
    with pytest.raises(InvalidInputError, match=r"not valid JSON: .*line 2, column 6") as caught:
        parse_json('{"secret": 1,\n "b" 2}')

    assert "secret" not in str(caught.value)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ODD = st.sampled_from([2**64, -(2**63) - 1, float("nan"), float("inf"), "\ud800", {"\udfff": 1}])


@given(ANY_JSON | ODD | st.lists(ODD | ANY_JSON, max_size=3))
def test_what_passes_comes_back_from_the_store_as_it_was(value: Any) -> None:
    text = json.dumps(value)

    try:
        check_json(parse_json(text))
    except InvalidInputError as error:
        assert error.field
    else:
        assert orjson.loads(orjson.dumps(value)) == json.loads(text)


# ── Where it comes in ──


@pytest.mark.parametrize("bad", [one.values for one in BAD])
@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        ("POST /tasks", '{"type": 0, "more": %s}', "more"),
        ("POST /api/v1/jobs", JOB, "parameters.values.n"),
        ("POST /api/v1/jobs", WORKFLOW, "parameters.steps.a.for_each.0"),
        ("POST /api/v1/jobs/x/rerun", f'{{"parameters": {MAIL}}}', "parameters.values.n"),
        ("POST /api/v1/dead-letters/x/rerun", '{"parameters": {"n": %s}}', "parameters.n"),
        ("POST /api/v1/dead-letters/rerun", '{"ids": [%s]}', "ids.0"),
        ("POST /api/v1/schedules", JOB[:-1] + ', "cron": "0 0 29 2 *"}', "parameters.values.n"),
        ("PUT /api/v1/schedules/x", JOB[:-1] + ', "cron": "0 0 * * *"}', "parameters.values.n"),
    ],
)
def test_body_with_it_is_a_400_for_its_field(
    route: str, body: str, field: str, bad: tuple[str, str], make_client: ClientMaker
) -> None:
    (method, path), (text, sentence) = route.split(), bad

    answer = open_client(make_client).open(
        path, method=method, data=body % text, content_type="application/json"
    )

    assert answer.status_code == 400
    assert answer.json["field"] == field
    assert sentence in answer.json["detail"]


@pytest.mark.parametrize(("text", "sentence"), BAD)
def test_of_many_jobs_only_the_one_with_it_is_refused(
    text: str, sentence: str, make_client: ClientMaker
) -> None:
    answer = open_client(make_client).post(
        "/api/v1/jobs/bulk",
        data=f'{{"jobs": [{GOOD}, {JOB % text}, {text}, {GOOD}]}}',
        content_type="application/json",
    )

    first, mail, bare, last = answer.json["jobs"]
    assert [item["status"] for item in (first, mail, bare, last)] == [202, 400, 400, 202]
    assert sentence in mail["problem"]["detail"]
    assert mail["problem"]["field"] == "parameters.values.n"


@pytest.mark.parametrize("levels", [DEEPEST - 1, DEEPEST, DEEPEST + 20, 900])
@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/schedules"])
def test_deep_parameters_are_stored_or_refused(
    path: str, levels: int, make_client: ClientMaker
) -> None:
    """Around the values lie the body, the parameters and their field."""
    values = json.dumps(nested(levels - 3))
    body = JOB.replace('{"n": %s}', values)
    if "schedules" in path:
        body = f'{body[:-1]}, "cron": "0 0 29 2 *"}}'

    answer = open_client(make_client).post(path, data=body, content_type="application/json")

    assert answer.status_code == (400 if levels > DEEPEST else 201 if "schedules" in path else 202)


# A body of the right form, with anything in the places where any JSON may stand.
BODIES = st.one_of(
    ANY_JSON,
    st.fixed_dictionaries({"kind": st.just("email.send"), "parameters": ANY_JSON | ODD}),
    st.fixed_dictionaries({"parameters": st.dictionaries(st.text(), ANY_JSON | ODD, max_size=2)}),
    st.fixed_dictionaries({"jobs": st.lists(ANY_JSON | ODD, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"type": ANY_JSON | ODD}),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["email.send", "workflow", "create_task"]),
            "parameters": st.fixed_dictionaries(
                {"recipient": st.just("a@example.org"), "subject": st.text(), "text": st.text()},
                optional={"values": st.dictionaries(st.text(), ANY_JSON | ODD, max_size=2)},
            ),
        },
        optional={
            "delay_seconds": ANY_JSON | ODD,
            "deduplication_key": st.text() | ODD,
            "title": st.text() | ODD,
            "cron": st.just("0 0 * * *"),
        },
    ),
)


@pytest.mark.parametrize(
    "route",
    [
        "POST /tasks",
        "POST /api/v1/jobs",
        "POST /api/v1/jobs/bulk",
        "POST /api/v1/jobs/x/rerun",
        "POST /api/v1/dead-letters/x/rerun",
        "POST /api/v1/dead-letters/rerun",
        "POST /api/v1/schedules",
        "PUT /api/v1/schedules/x",
    ],
)
def test_no_body_is_a_mistake_of_ours(route: str, make_client: ClientMaker) -> None:
    client, (method, path) = open_client(make_client), route.split()

    @settings(
        max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(BODIES)
    def send(body: Any) -> None:
        answer = client.open(path, method=method, json=body)

        assert answer.status_code < 500
        for item in (answer.json or {}).get("jobs", []):
            assert item["status"] < 500

    send()


@pytest.mark.parametrize(
    "path",
    ["/api/v1/jobs?kind=%ED%A0%80", "/api/v1/jobs?cursor=%00", "/api/v1/jobs?%ED%A0%80=1"],
)
def test_query_with_half_a_character_is_no_mistake_of_ours(
    path: str, make_client: ClientMaker
) -> None:
    """Without a Redis, what was let through is answered 503."""
    assert make_client().get(path).status_code in {400, 503}


# ── Jobs that job code hands in ──


@pytest.mark.parametrize(
    "value", [2**64, "\ud83d", float("nan"), [float("inf")], object(), nested(300)]
)
def test_job_of_values_that_cannot_be_stored_is_refused_to_its_caller(value: Any) -> None:
    mail = {"recipient": "ada@example.org", "subject": "s", "text": "t", "values": {"n": value}}

    with pytest.raises(InvalidInputError):
        Press().submit(
            Submission(kind="email.send", parameters=mail, parent=a_job(), key="k"), a_trace()
        )


def test_deduplication_key_that_is_no_text_is_refused() -> None:
    """A program's argument may have bytes that are no UTF-8."""
    with pytest.raises(InvalidInputError, match="deduplication_key"):
        prepare(
            Submission(kind="create_task", parameters={"type": 0}, deduplication_key="\udcff"), ""
        )
