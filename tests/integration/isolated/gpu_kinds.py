"""Kinds of a system with a third queue."""

from pydantic import BaseModel

from project.kinds.context import Context
from project.kinds.definition import job


class Numbers(BaseModel):
    """What to add up."""

    numbers: list[int]


@job("gpu.add", title="Add", queue="gpu", time_limit_seconds=60)
def add(parameters: Numbers, _context: Context) -> int:
    """The sum of some numbers."""
    return sum(parameters.numbers)


KINDS = [add]
