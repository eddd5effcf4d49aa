"""The answers to probes."""

from typing import Literal

from project.api.values import AnswerDocument


class Health(AnswerDocument):
    """The process answers."""

    status: Literal["ok"]


class Readiness(AnswerDocument):
    """Whether the system can accept jobs."""

    status: Literal["ready", "not ready"]
    dependencies: dict[str, Literal["ok", "missing", "read-only"]]
