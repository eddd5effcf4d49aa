"""The plan of a workflow: which steps can begin, which are finished, what to wait for. Pure."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Protocol

from project.errors import InvalidInputError, PermanentError, UnknownKindError
from project.jobs.workflow.references import ITEM, fill, list_references
from project.kinds.context import Child
from project.kinds.registry import get_offered

Call = tuple[str, Mapping[str, Any], str]
"""Kind, parameters and key of a job to submit."""

MOST_JOBS = 2000
"""The most jobs of a workflow."""


class Step(Protocol):
    """A step; `kind.Step` is its model."""

    @property
    def kind(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def after(self) -> list[str]: ...
    @property
    def for_each(self) -> Any: ...
    @property
    def may_fail(self) -> bool: ...


class Plan:
    """The steps and their progress."""

    def __init__(self, steps: Mapping[str, Step], *, stops: bool) -> None:
        self._steps = steps
        self._stops = stops
        self._needs = {name: find_needs(step) for name, step in steps.items()}
        self._order = list(TopologicalSorter(self._needs).static_order())
        self._children: dict[str, dict[str, Child]] = {}
        self._calls: dict[str, list[Call]] = {}

    def note(self, children: Mapping[str, Child]) -> None:
        """Record the submitted jobs, by key."""
        self._children = {name: {} for name in self._steps}
        for key, child in children.items():
            self._children[key.partition("[")[0]][key] = child

    def list_ready(self) -> list[Call]:
        """List the jobs that can be submitted now."""
        is_stopped = self._stops and bool(self._failed_names())
        for name in self._order:
            if name not in self._calls and (self._children[name] or not is_stopped):
                self._begin(name)
        if sum(map(len, self._calls.values())) > MOST_JOBS:
            raise PermanentError(f"A workflow may have at most {MOST_JOBS} jobs.")
        return (
            []
            if is_stopped
            else [
                call
                for name, calls in self._calls.items()
                for call in calls
                if call[2] not in self._children[name]
            ]
        )

    @property
    def is_over(self) -> bool:
        """Whether no job is running."""
        return not self._running()

    @property
    def count(self) -> int:
        """How many jobs the workflow has or will have, as far as is known."""
        return sum(max(1, len(self._calls.get(name, [0]))) for name in self._steps)

    def count_finished(self) -> int:
        """How many of the jobs are finished."""
        return sum(child.is_finished for child in self._all())

    def choose_wait(self) -> tuple[list[str], str]:
        """Keys of jobs to wait for, and whether for "all" of them or "any"."""
        running = self._running()
        needed = [
            keys
            for name in self._steps
            if name not in self._calls and not self._is_skipped(name)
            for keys in [self._running_needs(name)]
        ]
        if not needed or (self._stops and self._failed_names()):
            return sorted(running), "all"
        if all(keys == running for keys in needed):
            return sorted(running), "all"
        return sorted(set().union(*needed) or running), "any"

    def describe(self) -> str:
        """The running steps, in a few words."""
        names = [
            name for name in self._steps if any(not c.is_finished for c in self.children_of(name))
        ]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"Running {', '.join(names[:3])}{more}"

    def children_of(self, name: str) -> list[Child]:
        """The jobs of a step, in the order of its items."""
        found = self._children[name]
        return [found[key] for _, _, key in self._calls.get(name, []) if key in found]

    def list_failed(self) -> list[tuple[str, str]]:
        """List the steps that had to succeed and did not, each with the reason."""
        failed = [(name, self._reason(name)) for name in self._failed_names()]
        skipped = [
            (name, "a step before it did not succeed")
            for name in self._steps
            if name not in self._calls
        ]
        return failed + skipped

    def list_last(self) -> list[Child]:
        """The jobs of the steps that no other step needs."""
        needed = set().union(*self._needs.values())
        return [c for name in self._steps if name not in needed for c in self.children_of(name)]

    # ── Steps ──────────────────────────────────────────────────────────────────────────────────

    def _begin(self, name: str) -> None:
        if self._can_begin(name):
            self._calls[name] = self._make_calls(name)
        elif begun := self._children[name]:  # a step that it needs was rerun meanwhile
            self._calls[name] = [(self._steps[name].kind, {}, key) for key in begun]

    def _can_begin(self, name: str) -> bool:
        return all(self._is_satisfied(need) for need in self._needs[name])

    def _is_satisfied(self, name: str) -> bool:
        if name not in self._calls or len(self.children_of(name)) < len(self._calls[name]):
            return False
        children = self.children_of(name)
        if not all(child.is_finished for child in children):
            return False
        return self._steps[name].may_fail or all(child.has_succeeded for child in children)

    def _failed_names(self) -> list[str]:
        return [
            name
            for name, step in self._steps.items()
            if not step.may_fail
            and any(c.is_finished and not c.has_succeeded for c in self._children[name].values())
        ]

    def _is_skipped(self, name: str) -> bool:
        """Whether the step can never begin."""
        failed = set(self._failed_names())
        return bool(self._needs[name] & failed) or any(
            need not in self._calls and self._is_skipped(need) for need in self._needs[name]
        )

    def _reason(self, name: str) -> str:
        failed = [c for c in self.children_of(name) if c.is_finished and not c.has_succeeded]
        more = f" ({len(failed)} jobs)" if len(failed) > 1 else ""
        return f"{(failed[0].error or failed[0].status).rstrip('.')}{more}"

    def _all(self) -> Iterator[Child]:
        for name in self._steps:
            yield from self.children_of(name)

    def _running(self) -> set[str]:
        return {
            key
            for children in self._children.values()
            for key, child in children.items()
            if not child.is_finished
        }

    def _running_needs(self, name: str) -> set[str]:
        """Keys of the running jobs that the step waits for, through others too."""
        found: set[str] = set()
        for need in self._needs[name]:
            if need in self._calls:
                found |= {k for k, c in self._children[need].items() if not c.is_finished}
            else:
                found |= self._running_needs(need)
        return found

    def _make_calls(self, name: str) -> list[Call]:
        step, results = self._steps[name], self._results()
        if step.for_each is None:
            return [(step.kind, fill(step.parameters, results, kind=step.kind), name)]
        items = fill(step.for_each, results)
        if not isinstance(items, list):
            raise PermanentError(f"Step {name}: for_each must be a list.")
        return [
            (step.kind, fill(step.parameters, results, item, step.kind), f"{name}[{number}]")
            for number, item in enumerate(items)
        ]

    def _results(self) -> dict[str, Any]:
        """The steps' results by name; a list for a step with for_each."""
        return {
            name: [c.result for c in self.children_of(name)]
            if self._steps[name].for_each is not None
            else next((c.result for c in self.children_of(name)), None)
            for name in self._calls
        }


def find_needs(step: Step) -> set[str]:
    """The steps that must finish before this one begins."""
    named = list_references(step.parameters, step.kind) | list_references(step.for_each)
    return {*step.after} | named - {ITEM}


def find_fault(steps: Mapping[str, Step]) -> str:
    """What is wrong with the steps, in one sentence; empty if nothing is."""
    for name, step in steps.items():
        for need in sorted(find_needs(step)):
            if need not in steps:
                return f"step {name} needs step {need}, which does not exist"
        if fault := _find_fault_of(step):
            return f"step {name}: {fault}"
    try:
        TopologicalSorter({name: find_needs(step) for name, step in steps.items()}).prepare()
    except CycleError as error:
        return f"these steps wait for each other: {', '.join(sorted(set(error.args[1])))}"
    return ""


def _find_fault_of(step: Step) -> str:
    named = list_references(step.parameters, step.kind)
    if ITEM in (named if step.for_each is None else list_references(step.for_each)):
        return "$item may be used only in the parameters of a step with for_each"
    try:
        kind = get_offered(step.kind)
        if not named:  # with references, they are known only when the step begins
            kind.parse(dict(step.parameters))
    except (UnknownKindError, InvalidInputError) as error:
        return str(error).rstrip(".")
    return ""
