"""The JSON lines that processes wrote into a folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import wait_until

LINE_SECONDS = 15


@dataclass(frozen=True)
class LogBook:
    """The log folder of a stack; only what our own code writes is looked at."""

    folder: Path
    roles: tuple[str, ...] = ("web", "worker-short", "worker-long", "scheduler")

    def raw_lines(self) -> list[str]:
        """Every whole line, as it stands in the files."""
        return [
            line
            for role in self.roles
            for path in sorted(self.folder.glob(f"{role}.*.jsonl*"))
            for line in path.read_text().split("\n")[:-1]
            if not line.isspace()  # what a killed process had begun
        ]

    def lines(self) -> list[dict[str, Any]]:
        """Every whole line, parsed."""
        return [json.loads(line) for line in self.raw_lines()]

    def about(self, text: str) -> list[dict[str, Any]]:
        """The lines in which the text occurs."""
        return [json.loads(line) for line in self.raw_lines() if text in line]

    def await_event(self, action: str, text: str) -> dict[str, Any]:
        """The line of that event in which the text occurs, once it is written."""

        def look() -> dict[str, Any] | None:
            found = [line for line in self.about(text) if action_of(line) == action]
            return found[0] if found else None

        line = wait_until(look, LINE_SECONDS, f"a line {action} about {text}")
        assert line is not None
        return line


def action_of(line: dict[str, Any]) -> str:
    """The event's name; empty for the record of a library."""
    return str(line["event"].get("action", ""))
