"""Workflows: what is refused, which steps begin when, and what a failure does."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from project.errors import InvalidInputError, PermanentError
from project.jobs import KINDS, get_kind
from project.jobs.workflow.kind import Step, WorkflowParameters
from project.jobs.workflow.planning import Plan
from project.jobs.workflow.references import fill, list_references
from project.kinds.context import Child, Context
from project.kinds.definition import Kind, job
from project.kinds.inline import Inline

KIND = get_kind("workflow")
SLEEP = {"kind": "create_task", "parameters": {"type": 0}}


class SayParameters(BaseModel):
    word: Any = ""
    fails: bool = False


@job("test.say", title="Say", queue="short", time_limit_seconds=1)
def say(parameters: SayParameters, context: Context) -> dict[str, Any]:
    if parameters.fails:
        raise PermanentError("It was told to fail.")
    return {"word": parameters.word, "words": [{"word": each} for each in parameters.word or []]}


KINDS_HERE: Mapping[str, Kind] = {**KINDS, "test.say": say}


def run(steps: dict[str, Any], **more: Any) -> Any:
    """Run the workflow with its steps in place, unchecked, so that kinds of tests will do."""
    parameters = WorkflowParameters.model_construct(
        title="", steps={}, on_failure=more.get("on_failure", "stop")
    )
    parameters.steps.update({name: Step(**step) for name, step in steps.items()})
    return KIND.run(parameters, Inline(KINDS_HERE).context())


def say_step(word: Any = "", **more: Any) -> dict[str, Any]:
    fails = more.pop("fails", False)
    return {"kind": "test.say", "parameters": {"word": word, "fails": fails}, **more}


def a_workflow(**steps: Any) -> dict[str, Any]:
    """A step that is a workflow itself."""
    return {"kind": "workflow", "parameters": {"steps": steps}}


def of(name: str) -> dict[str, Any]:
    """A step that takes what another one has returned."""
    return {"kind": "create_task", "parameters": {"type": {"$result": name}}}


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ({}, "at least 1"),
        ({"a": {"kind": "no.kind"}}, "step a: There is no kind 'no.kind'"),
        ({"a": {"kind": "files.sweep"}}, "files.sweep is internal"),
        ({"a": {"kind": "create_task", "parameters": {"type": -1}}}, "step a: type"),
        ({"a": {**SLEEP, "after": ["b"]}}, "step a needs step b, which does not exist"),
        (
            {"a": {**SLEEP, "after": ["b"]}, "b": {**SLEEP, "after": ["a"]}},
            "these steps wait for each other: a, b",
        ),
        (
            {"a": {"kind": "create_task", "parameters": {"type": {"$result": "a"}}}},
            "wait for each other: a",
        ),
        (
            {"a": {"kind": "create_task", "parameters": {"type": {"$item": ""}}}},
            r"step a: \$item may be used only",
        ),
        (
            {"a": {**SLEEP, "for_each": [{"$item": ""}]}},
            r"step a: \$item may be used only",
        ),
        (
            {"a": {"kind": "create_task", "parameters": {"type": -1}, "for_each": [1, 2]}},
            "step a: type",
        ),
        (
            {"a": a_workflow(b=SLEEP, c=a_workflow(d=of("e")))},
            "step a needs step e, which does not",
        ),
        (
            {"a": a_workflow(b=of("c"), c=of("b"))},
            "step a: .*these steps wait for each other: b, c",
        ),
        ({"a b": SLEEP}, "pattern"),
        ({"a": {**SLEEP, "retries": 3}}, "Extra inputs"),
    ],
)
def test_workflow_that_cannot_work_is_refused(steps: Any, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        KIND.parse({"steps": steps})


@pytest.mark.parametrize("levels", [190, 400])
def test_workflow_nested_hundreds_deep_is_refused(levels: int) -> None:
    parameters: dict[str, Any] = {"steps": {"a": SLEEP}}
    for _ in range(levels):
        parameters = {"steps": {"a": {"kind": "workflow", "parameters": parameters}}}

    with pytest.raises(InvalidInputError, match="nested too deeply"):
        KIND.parse(parameters)


def test_step_gets_what_another_one_has_returned() -> None:
    result = run({"first": say_step("hi"), "then": say_step({"$result": "first", "path": "word"})})

    assert set(result["steps"]) == {"first", "then"}
    assert result["tables"][0]["rows"][1] == ["then", "test.say", "succeeded"]


def test_for_each_runs_a_job_an_item_and_join_gets_all_results() -> None:
    steps = {
        "list": say_step(["x", "y", "z"]),
        "each": {
            **say_step({"$item": "word"}),
            "for_each": {"$result": "list", "path": "words"},
        },
        "join": say_step({"$result": "each", "path": "*.word"}),
    }

    result = run(steps)

    assert len(result["steps"]["each"]) == 3
    assert len(result["steps"]["join"]) == 1


def test_failed_step_stops_what_has_not_begun() -> None:
    steps = {"a": say_step(fails=True), "b": say_step(after=["a"]), "c": say_step(after=["b"])}

    with pytest.raises(PermanentError, match=r"3 of 3 steps .*a: It was told to fail"):
        run(steps)


def test_step_that_may_fail_holds_nothing_up() -> None:
    steps = {"a": say_step(fails=True, may_fail=True), "b": say_step(after=["a"])}

    result = run(steps)

    assert [row[2] for row in result["tables"][0]["rows"]] == ["failed", "succeeded"]


def test_missing_part_of_a_result_is_named() -> None:
    steps = {"a": say_step("x"), "b": say_step({"$result": "a", "path": "file"})}

    with pytest.raises(PermanentError, match="no 'file' in the result of a"):
        run(steps)


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ({"$result": "a"}, {"files": [{"id": 1}, {"id": 2}]}),
        ({"$result": "a", "path": "files.1.id"}, 2),
        ({"$result": "a", "path": "files.*.id"}, [1, 2]),
        ([{"x": {"$item": "id"}}], [{"x": 7}]),
        ({"x": "$result"}, {"x": "$result"}),
        ({"$item": 5}, {"$item": 5}),
        ({"$result": "a", "path": 5}, {"$result": "a", "path": 5}),
    ],
)
def test_references_are_replaced_wherever_they_stand(value: Any, filled: Any) -> None:
    assert fill(value, {"a": {"files": [{"id": 1}, {"id": 2}]}}, {"id": 7}) == filled


def test_workflow_inside_keeps_what_its_own_steps_name_and_gets_the_rest() -> None:
    inner = {
        "title": {"$result": "outer", "path": "title"},
        "steps": {
            "own": say_step({"$result": "outer", "path": "word"}),
            "next": say_step([{"$result": "own"}, {"$item": ""}]),
            "each": {
                **say_step([{"$item": "x"}, {"$result": "next"}, {"$result": "outer"}]),
                "for_each": [{"$item": "list"}],
            },
            "deeper": a_workflow(own=say_step({"$result": "next"}), last=of("own")),
        },
    }
    results = {"outer": {"title": "T", "word": "w"}}

    filled = fill(inner, results, {"list": [1]}, "workflow")

    assert list_references(inner, "workflow") == {"outer", "$item"}
    assert filled["title"] == "T"
    steps = filled["steps"]
    assert steps["own"]["parameters"]["word"] == "w"
    assert steps["next"]["parameters"]["word"] == [{"$result": "own"}, {"list": [1]}]
    assert steps["each"]["for_each"] == [[1]]
    assert steps["each"]["parameters"]["word"] == [
        *({"$item": "x"}, {"$result": "next"}),
        results["outer"],
    ]
    assert steps["deeper"] == inner["steps"]["deeper"]


def test_steps_of_another_kind_are_values_like_any_other() -> None:
    assert fill({"steps": {"a": {"$result": "a"}}}, {"a": 1}, kind="test.say") == {
        "steps": {"a": 1}
    }


def test_steps_of_a_workflow_inside_may_be_what_a_step_has_returned() -> None:
    steps = {
        "plan": SLEEP,
        "all": {"kind": "workflow", "parameters": {"steps": {"$result": "plan"}}},
    }

    assert KIND.parse({"steps": steps})
    assert fill(steps["all"]["parameters"], {"plan": {"a": SLEEP}}, kind="workflow") == {
        "steps": {"a": SLEEP}
    }


# ── What to begin, and what to wait for ────────────────────────────────────────────────────────


def a_plan(steps: dict[str, Sequence[str]], *, stops: bool = True, **children: str) -> Plan:
    """A plan of these steps (name to what it needs), whose jobs have these statuses."""
    model = KIND.parse({"steps": {n: {**SLEEP, "after": list(a)} for n, a in steps.items()}})
    plan = Plan(model.steps, stops=stops)  # type: ignore[attr-defined]
    plan.note({k: Child(k, "create_task", k, status) for k, status in children.items()})
    return plan


def ready(plan: Plan) -> list[str]:
    return [key for _, _, key in plan.list_ready()]


def test_chain_begins_one_after_the_other() -> None:
    chain = {"a": [], "b": ["a"], "c": ["b"]}

    assert ready(a_plan(chain)) == ["a"]
    assert ready(a_plan(chain, a="running")) == []
    assert ready(a_plan(chain, a="succeeded")) == ["b"]


def test_join_waits_for_all_of_a_fan_out() -> None:
    fan = {"a": [], "b": [], "join": ["a", "b"]}
    plan = a_plan(fan, a="succeeded", b="running")

    assert ready(plan) == []
    assert plan.choose_wait() == (["b"], "all")
    assert ready(a_plan(fan, a="succeeded", b="succeeded")) == ["join"]


def test_branches_do_not_wait_for_each_other() -> None:
    branches = {"a": [], "b": [], "after_a": ["a"], "after_b": ["b"]}
    plan = a_plan(branches, a="running", b="running")
    ready(plan)

    assert plan.choose_wait() == (["a", "b"], "any")


def test_failure_stops_or_lets_others_go_on_as_stated() -> None:
    branches = {"a": [], "b": [], "after_a": ["a"], "after_b": ["b"]}
    stopping = a_plan(branches, a="failed", b="succeeded")
    going_on = a_plan(branches, stops=False, a="failed", b="succeeded")

    assert ready(stopping) == []
    assert stopping.is_over
    assert ready(going_on) == ["after_b"]
    assert [name for name, _ in going_on.list_failed()] == ["a", "after_a"]


def test_stopped_workflow_waits_for_what_still_runs() -> None:
    plan = a_plan({"a": [], "b": [], "c": ["b"]}, a="failed", b="running")
    ready(plan)

    assert not plan.is_over
    assert plan.choose_wait() == (["b"], "all")


def test_plan_counts_what_is_known() -> None:
    plan = a_plan({"a": [], "b": ["a"], "c": ["b"]}, a="succeeded", b="running")
    ready(plan)

    assert (plan.count, plan.count_finished()) == (3, 1)
    assert plan.describe() == "Running b"
