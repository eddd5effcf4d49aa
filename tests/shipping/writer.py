"""A process that writes lines as ours do: `python -m tests.shipping.writer FILE NAME`.

For each number on stdin it writes so many lines through the sink of ours, then answers `done`.
"""

import sys
from itertools import count, islice
from pathlib import Path

import orjson

from project.observability.ecs import to_ecs
from project.observability.sink import LogFile

LONG = 20_000
"""Characters in one line of a hundred: a stack trace beyond rsyslog's default limit."""


def main() -> None:
    file, name = LogFile(Path(sys.argv[1])), sys.argv[2]
    numbers = count()
    for amount in sys.stdin:
        for number in islice(numbers, int(amount)):
            file.write(line(name, number))
        sys.stdout.write("done\n")
        sys.stdout.flush()


def line(name: str, number: int) -> bytes:
    event = {
        "event": "job_finished",
        "timestamp": "2026-11-25T02:20:35.123456Z",
        "level": "info",
        "event_id": f"{name}-{number}",
        "dataset": "jobs.worker-short",
        "duration_ns": number,
        "error_stack_trace": "x" * (LONG if number % 100 == 0 else 100),
    }
    return orjson.dumps(to_ecs(event), option=orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    main()
