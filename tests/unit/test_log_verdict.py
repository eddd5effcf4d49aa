"""The judge of a storm's lines finds what is wrong with them."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.faults.log_verdict import SECRET_MARK, LogVerdict, judge, read
from tests.unit.test_log_lines import GOOD

Story = list[dict[str, Any]]


def a_line(number: int, action: str, **celery: Any) -> dict[str, Any]:
    """A good line about the job j."""
    line = deepcopy(GOOD)
    line["message"] = line["event"]["action"] = action
    line["event"]["id"] = f"e-{number}"
    del line["event"]["category"], line["event"]["type"]
    line["transaction"] = {"id": f"{number:016}"}
    line["celery"] = {"task": {"id": "j", "attempt": 1, **celery}}
    return line


def a_story() -> Story:
    """A request, its job, two attempts of it."""
    request = a_line(0, "http_request")
    del request["celery"]
    submitted = a_line(1, "job_submitted")
    submitted["span"] = {"id": "5" * 16}
    attempts = [
        a_line(2, "job_started"),
        a_line(3, "job_retrying", attempt=1),
        a_line(4, "job_started", attempt=2),
        a_line(5, "job_finished", attempt=2),
    ]
    attempts[1]["log.level"] = "warning"
    for line in attempts:
        line["parent"] = {"id": "5" * 16}
    return [request, submitted, *attempts]


def judged(story: Story, more: str = "", printed: str = "") -> LogVerdict:
    texts = [json.dumps(line) for line in story]
    return judge(read([*texts, *more.splitlines()], printed.splitlines()))


def test_good_story_has_no_fault() -> None:
    verdict = judged(a_story(), " \n", "Starting …\n[1, 2]")

    assert verdict.violations == []
    assert verdict.figures["log lines"] == 6
    assert verdict.figures["jobs of more than one attempt"] == 1
    assert verdict.figures["attempts begun"] == 2
    assert verdict.figures["attempts with no outcome line"] == 0
    assert judged(a_story()[:-1]).figures["attempts with no outcome line"] == 1


def _repeat_a_line(story: Story) -> None:
    story.append(story[0])


def _lose_the_trace(story: Story) -> None:
    del story[2]["trace"]


def _begin_another_trace(story: Story) -> None:
    story[4]["trace"]["id"] = "b" * 32


def _forget_the_parent(story: Story) -> None:
    story[4]["parent"]["id"] = "6" * 16


def _lose_the_family(story: Story) -> None:
    story[4]["celery"]["task"]["parent_id"] = "j"


def _end_twice(story: Story) -> None:
    story.append(a_line(6, "job_requeued", attempt=2))


def _answer_twice(story: Story) -> None:
    again = deepcopy(story[0])
    again["event"]["id"] = "e-7"
    story.append(again)


def _tell_a_secret(story: Story) -> None:
    story[0]["url"] = {"path": f"/{SECRET_MARK}7"}


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_repeat_a_line, "line written twice: e-0"),
        (_lose_the_trace, "job's line without a trace: 'job_started' of j"),
        (_begin_another_trace, "two traces of one job: j"),
        (_forget_the_parent, "wrong parent: j"),
        (_lose_the_family, "wrong parent: j"),
        (_end_twice, "two outcomes of one attempt: j, attempt 2"),
        (_answer_twice, "two lines of one request: 0000"),
        (_tell_a_secret, "secret in a line: {"),
    ],
)
def test_fault_is_found(spoil: Callable[[Story], None], fault: str) -> None:
    story = a_story()
    spoil(story)

    assert any(one.startswith(fault) for one in judged(story).violations)


@pytest.mark.parametrize("text", ['{"@timestamp":"20', '{"some": "json"}', "Traceback"])
def test_torn_line_is_found(text: str) -> None:
    assert judged([], text).violations == [f"torn line: {text}"]


def test_secret_that_was_printed_is_found_too() -> None:
    assert judged([], printed=f"oops {SECRET_MARK}8").violations


def test_invalid_line_is_found() -> None:
    line = a_line(1, "job_started")
    line["log.level"] = "warn"

    assert "invalid line: 'job_started' has the level warn" in judged([line]).violations


def test_line_of_rabbitmq_is_no_torn_one() -> None:
    verdict = judged([], '{"time":"2026","level":"info","msg":"up","pid":"<0.1.0>"}')

    assert verdict.violations == []
    assert verdict.figures["log lines of RabbitMQ"] == 1
