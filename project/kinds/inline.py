"""Runs child jobs at once, within their parent: for unit tests and direct calls.

context = Inline(KINDS).context(files=files)
build_report.function(parameters, context)
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from project.errors import JobsError
from project.kinds.context import Child, Context
from project.kinds.definition import Kind

Call = tuple[str, Mapping[str, Any], str]


class Inline:
    """Runs child jobs as plain function calls; a JobsError makes the child job fail."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._options: dict[str, Any] = {}
        self._children: dict[str, Child] = {}
        self._ids: dict[str, str] = {}

    def context(self, **options: Any) -> Context:
        """A context with these options, whose child jobs run here."""
        self._options = options
        return Context(
            submit=self.submit,
            submit_many=self.submit_many,
            look=self.look,
            gather=self.gather,
            **options,
        )

    def submit(self, kind: str, parameters: Mapping[str, Any], key: str = "") -> str:
        """Run a child job and return its id; the same key again returns the same child job."""
        key = key or f"number {len(self._ids)}"
        if key not in self._ids:
            child = self._run(kind, parameters, key)
            self._ids[key] = child.id
            self._children[child.id] = child
        return self._ids[key]

    def submit_many(self, calls: Sequence[Call]) -> list[str]:
        """Run many child jobs."""
        return [self.submit(*call) for call in calls]

    def look(self, job_ids: Sequence[str]) -> list[Child]:
        """These child jobs, all finished."""
        return [self._children[job_id] for job_id in job_ids]

    def gather(self, job_ids: Sequence[str], *_: Any, **__: Any) -> list[Child]:
        """These child jobs, all finished."""
        return self.look(job_ids)

    def _run(self, kind: str, parameters: Mapping[str, Any], key: str) -> Child:
        job_id, definition = uuid4().hex, self._kinds[kind]
        inner = Inline(self._kinds)
        try:
            result = definition.run(
                definition.parse(dict(parameters)), inner.context(**self._options)
            )
        except JobsError as error:
            return Child(job_id, kind, key, "failed", error=str(error))
        return Child(job_id, kind, key, "succeeded", result)
