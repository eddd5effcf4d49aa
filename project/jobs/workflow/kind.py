"""`workflow`: several kinds as steps of one job, in sequence or in parallel.

    {"steps": {
        "thumbnails": {"kind": "image.thumbnail", "parameters": {"picture": "3f…9a.jpg"}},
        "mail": {"kind": "email.send", "parameters": {
            "recipient": "ada@example.org", "subject": "Your picture", "text": "Here it is.",
            "attachments": [{"$result": "thumbnails", "path": "thumbnails.2.file"}]}}}}

A step begins when the steps whose results it uses, and the steps it names in `after`, have
succeeded. The steps are child jobs of the workflow, which occupies no worker process while it waits
for them. The whole workflow or a single step can be cancelled; a rerun runs only the steps that
have not succeeded.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from project.errors import PermanentError
from project.jobs.workflow.planning import Plan, find_fault
from project.jobs.workflow.references import WORKFLOW
from project.kinds.context import Child, Context
from project.kinds.definition import job
from project.kinds.parameters import Parameters
from project.kinds.result_view import show

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]

_EXAMPLE = {
    "history": {"kind": "jobs.history", "parameters": {"days": 7}},
    "report": {
        "kind": "report.build",
        "parameters": {
            "table": {"$result": "history", "path": "files.0.file"},
            "title": "Jobs of the last week",
            "parts": 4,
        },
    },
}
"""It needs no file, so that it works unchanged."""
_SHOWN = ("facts", "pictures", "report", "tables", "files")


class Step(Parameters):
    """One step."""

    kind: str = Field(description="The kind that the step runs", examples=["image.thumbnail"])
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description='The kind\'s parameters; {"$result": "step", "path": "files.0.file"} anywhere '
        "in them stands for that part of the step's result",
    )
    after: list[Name] = Field(
        default_factory=list, description="Steps that must finish before this one begins"
    )
    for_each: list[Any] | dict[str, str] | None = Field(
        None,
        description="Runs one job per element of this list, or of a list that a step has returned; "
        '{"$item": ""} in the parameters stands for the element',
    )
    may_fail: bool = Field(
        False, description="The workflow continues even if this step does not succeed"
    )


class WorkflowParameters(Parameters):
    """The steps."""

    title: str = Field("", max_length=100, description="Title of the workflow")
    steps: dict[Name, Step] = Field(
        min_length=1,
        max_length=200,
        description="Steps by name, each with a kind and its parameters; in these, "
        '`{"$result": "a step", "path": "files.0.file"}` stands for that part of a result',
        examples=[_EXAMPLE],
    )
    on_failure: Literal["stop", "go_on"] = Field(
        "stop",
        title="When a step fails",
        description="Stop: no further step begins. Go on: all steps run that do not need the "
        "failed one. Either way the workflow fails, once its running steps have finished",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if fault := find_fault(self.steps):
            raise ValueError(fault)
        return self


@job(WORKFLOW, title="Workflow", queue="short", time_limit_seconds=300)
def run_workflow(parameters: WorkflowParameters, context: Context) -> dict[str, Any]:
    """Runs several jobs as one: in sequence, in parallel, or once per element of a list."""
    plan = Plan(parameters.steps, stops=parameters.on_failure == "stop")
    ids: dict[str, str] = context.memory.get("jobs", {})
    while True:
        children = dict(zip(ids, context.look(list(ids.values())), strict=True))
        plan.note(children)
        if calls := plan.list_ready():
            new = context.submit_many(calls)
            ids |= {key: job_id for (_, _, key), job_id in zip(calls, new, strict=True)}
            context.memory["jobs"] = ids
            continue
        if plan.is_over:
            return _conclude(parameters, plan)
        awaited, wake_on = plan.choose_wait()
        context.gather(
            [ids[key] for key in awaited],
            wake_on,
            finished=plan.count_finished() if wake_on == "any" else plan.count - len(awaited),
            total=plan.count,
            step=plan.describe(),
        )


def _conclude(parameters: WorkflowParameters, plan: Plan) -> dict[str, Any]:
    if failed := plan.list_failed():
        named = "; ".join(f"{name}: {reason}" for name, reason in failed[:3])
        raise PermanentError(
            f"{len(failed)} of {len(parameters.steps)} steps did not succeed ({named}). "
            "Rerun the workflow to run only these and the steps that need them."
        )
    last, count = plan.list_last(), len(parameters.steps)
    steps = [
        [name, step.kind, ", ".join(sorted({child.status for child in plan.children_of(name)}))]
        for name, step in parameters.steps.items()
    ]
    table = {"title": "Steps", "columns": ["Step", "Kind", "Outcome"], "rows": steps}
    result = show(
        f"{parameters.title or 'Workflow'}: {count} step{'s' * (count > 1)}",
        tables=[table],  # type: ignore[list-item]  # it has the members of a Table
        steps={name: [child.id for child in plan.children_of(name)] for name in parameters.steps},
    )
    return _with_parts_of(last, result)


def _with_parts_of(children: list[Child], result: dict[str, Any]) -> dict[str, Any]:
    """If one job comes last, show its result's members as the workflow's."""
    if len(children) != 1 or not isinstance(children[0].result, dict):
        return result
    shown = {name: children[0].result[name] for name in _SHOWN if name in children[0].result}
    return {**result, **shown}
