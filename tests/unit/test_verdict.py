"""The verdict on a storm can fail: each broken promise is seen and named."""

from pathlib import Path
from typing import Any

import pytest

from project.ledger.job import UNFINISHED
from tests.faults.journal import Journal, Run, parse
from tests.faults.verdict import Answer, Evidence, Submission, Verdict, judge


def a_submission(*codes: int, token: int = 1, **changes: Any) -> Submission:
    """A step that was answered with these codes; a 202 with the job `job-<token>`."""
    answers = [Answer(code, job_id=f"job-{token}" if code == 202 else "") for code in codes]
    values: dict[str, Any] = {"kind": "faults.step", "answers": answers}
    return Submission(token, **values | changes)


def a_run(token: int = 1, **changes: Any) -> Run:
    """A run that came to its end."""
    values: dict[str, Any] = {
        "attempt": 1,
        "pid": 7,
        "started_ns": 100,
        "ended_ns": 200,
        "is_done": True,
    }
    return Run(token, **values | changes)


def verdict_on(*submissions: Submission, **changes: Any) -> Verdict:
    """Of a storm after which every accepted job has succeeded, but for the changes."""
    job_ids = {job_id for submission in submissions for job_id in submission.job_ids}
    values: dict[str, Any] = {
        "runs": [a_run(each.token) for each in submissions if each.job_ids],
        "statuses": dict.fromkeys(job_ids, "succeeded"),
        "outcomes": dict.fromkeys(job_ids, 1),
    }
    return judge(Evidence(submissions, **values | changes))


def the_violation(verdict: Verdict) -> str:
    """The only one."""
    assert len(verdict.violations) == 1, verdict.violations
    assert not verdict.is_kept
    return verdict.violations[0]


def test_kept_promises_are_no_violation() -> None:
    verdict = verdict_on(a_submission(202), a_submission(503, token=2))

    assert verdict.violations == []
    assert verdict.is_kept


@pytest.mark.parametrize("status", [*sorted(UNFINISHED), "unknown", ""])
def test_accepted_job_without_an_outcome_is_lost(status: str) -> None:
    verdict = verdict_on(a_submission(202), statuses={"job-1": status})

    assert the_violation(verdict).startswith("lost: faults.step job-1")


def test_accepted_job_that_nobody_knows_is_lost() -> None:
    assert "lost" in the_violation(verdict_on(a_submission(202), statuses={}))


def test_job_that_ended_otherwise_than_it_must_is_told() -> None:
    verdict = verdict_on(a_submission(202), statuses={"job-1": "failed"})

    assert "wrong outcome: faults.step job-1" in the_violation(verdict)


@pytest.mark.parametrize(
    ("kind", "status"), [("faults.crash", "failed"), ("faults.poison", "dead")]
)
def test_job_that_is_to_end_badly_may(kind: str, status: str) -> None:
    run = a_run(is_done=False)

    assert verdict_on(a_submission(202, kind=kind), runs=[run], statuses={"job-1": status}).is_kept


def test_success_without_a_run_that_came_to_its_end_is_told() -> None:
    verdict = verdict_on(a_submission(202), runs=[a_run(ended_ns=None, is_done=False)])

    assert "no run came to its end" in the_violation(verdict)


def test_run_that_began_while_another_lived_is_told() -> None:
    """The lock knows, even where the first run's process died without a line."""
    first = a_run(ended_ns=None, is_done=False)
    second = a_run(attempt=2, started_ns=150, is_beside_another=True)

    assert "two at once" in the_violation(verdict_on(a_submission(202), runs=[first, second]))


@pytest.mark.parametrize(
    ("started_ns", "ended_ns"), [(150, 250), (50, 150), (120, 180), (50, 250), (199, 300)]
)
def test_runs_whose_times_meet_are_told(started_ns: int, ended_ns: int) -> None:
    second = a_run(attempt=2, started_ns=started_ns, ended_ns=ended_ns)

    assert "two at once" in the_violation(verdict_on(a_submission(202), runs=[a_run(), second]))


def test_runs_one_after_the_other_are_counted_and_are_no_violation() -> None:
    second = a_run(attempt=2, started_ns=200, ended_ns=300)

    verdict = verdict_on(a_submission(202), runs=[a_run(), second])

    assert verdict.is_kept
    assert verdict.figures["runs begun again"] == 1
    assert verdict.figures["jobs done more than once"] == 1


@pytest.mark.parametrize("code", [429, 503])
def test_refused_job_that_ran_is_told(code: int) -> None:
    verdict = verdict_on(a_submission(code), runs=[a_run()])

    assert f"refused, and ran: token 1 was answered {code}" in the_violation(verdict)


def test_job_that_was_taken_at_the_second_try_may_run() -> None:
    assert verdict_on(a_submission(503, 202, key="again")).is_kept


def test_job_whose_client_got_no_answer_may_run() -> None:
    """The client cannot know; it is neither lost nor refused."""
    unanswered = a_submission(answers=[Answer(0, troubles=("web killed", "web killed"))])

    verdict = verdict_on(unanswered, runs=[a_run()], web_troubles=frozenset({"web killed"}))

    assert verdict.is_kept


def test_no_answer_from_a_web_server_that_lives_is_told() -> None:
    unanswered = a_submission(answers=[Answer(0, reason="reset")])

    violation = the_violation(verdict_on(unanswered, web_troubles=frozenset({"web killed"})))

    assert violation == "unexpected answer: token 1 got none during calm: reset"


def test_answer_that_is_no_promise_is_told() -> None:
    assert "token 1 got 500" in the_violation(verdict_on(a_submission(500)))


def test_second_outcome_is_told() -> None:
    verdict = verdict_on(a_submission(202), outcomes={"job-1": 2})

    assert the_violation(verdict) == "more than one outcome: job job-1 has 2"


def test_two_jobs_for_one_key_are_told() -> None:
    answers = [Answer(202, job_id="job-1"), Answer(202, job_id="job-2")]

    verdict = verdict_on(a_submission(key="once", answers=answers))

    assert the_violation(verdict) == "two jobs for one key: token 1: job-1, job-2"


def test_hanging_submit_is_told() -> None:
    slow = a_submission(answers=[Answer(503, seconds=10.1, troubles=("broker frozen", "calm"))])

    assert the_violation(verdict_on(slow)) == "hang: token 1 during broker frozen: 10.1 s"


def test_slow_submit_is_a_figure() -> None:
    slow = a_submission(answers=[Answer(503, seconds=3.4)])

    verdict = verdict_on(slow)

    assert verdict.is_kept
    assert verdict.figures["submits over 2.5 s"] == 1
    assert verdict.figures["slowest submit, s"] == 3.4


def test_answers_are_counted_under_the_trouble_they_met() -> None:
    answers = [
        Answer(202, seconds=0.1, job_id="job-1"),
        Answer(503, seconds=2.1, troubles=("calm", "Redis killed")),
        Answer(503, seconds=1.1, troubles=("Redis killed", "calm")),
    ]

    rows = verdict_on(a_submission(answers=answers)).rows

    assert [(row.trouble, row.submits, row.accepted, row.unavailable) for row in rows] == [
        ("Redis killed", 2, 0, 2),
        ("calm", 1, 1, 0),
    ]
    assert rows[0].slowest_seconds == 2.1


def test_failed_attempts_of_a_flaky_job_are_not_begun_again() -> None:
    failed = a_run(is_done=False)
    second = a_run(attempt=2, started_ns=300, ended_ns=400)

    verdict = verdict_on(a_submission(202, kind="faults.flaky"), runs=[failed, second])

    assert verdict.figures["runs begun again"] == 0


def test_many_violations_of_a_sort_are_summed_up() -> None:
    submissions = [a_submission(202, token=token) for token in range(30)]

    verdict = verdict_on(*submissions, statuses={})

    assert len(verdict.violations) == 11
    assert verdict.violations[-1] == "lost: … and 20 more"


def test_journal_tells_of_runs_that_ended_failed_and_died(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.make()

    with journal.run(1, attempt=1):
        pass
    with pytest.raises(ValueError, match="as meant"), journal.run(2, attempt=3):
        raise ValueError("as meant")

    done, failed = journal.read()
    assert (done.token, done.attempt, done.is_done) == (1, 1, True)
    assert (failed.token, failed.attempt, failed.is_done) == (2, 3, False)
    assert done.started_ns <= (done.ended_ns or 0) <= failed.started_ns


def test_journal_without_an_end_is_a_run_that_died() -> None:
    (run,) = parse(["start 5 1000 2 77 beside"])

    assert run == Run(5, 2, 77, 1000, is_beside_another=True)
