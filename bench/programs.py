"""Starts the systems' programs in their environments, and stops them with the benchmark."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from bench.environments import FOLDER, find_folder, find_program

STOP_SECONDS = 20.0
DRIVE_SECONDS = 240.0


@contextmanager
def running(
    name: str,
    environment: str,
    commands: Sequence[Sequence[str]],
    variables: Mapping[str, str],
) -> Iterator[list[int]]:
    """Run the commands while the block lasts; yield their process ids."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            processes.append(_start(name, environment, command, variables))
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            _end(process)


def drive(
    environment: str,
    client: str,
    verb: str,
    jobs: int,
    variables: Mapping[str, str],
    *options: str,
) -> dict[str, Any]:
    """Run `bench.peers.driver` and return its figures."""
    command = ["python", "-m", "bench.peers.driver", client, verb, "--jobs", str(jobs), *options]
    with _open_log(client) as log:
        found = subprocess.run(
            [find_program(environment, command[0]), *command[1:]],
            cwd=find_folder(environment),
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=log,
            check=True,
            timeout=DRIVE_SECONDS,
        )
    answer: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return answer


def _start(
    name: str, environment: str, command: Sequence[str], variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with _open_log(name) as stream:
        return subprocess.Popen(
            # Nothing outlives the benchmark, however it ends.
            ["setpriv", "--pdeathsig", "TERM", find_program(environment, command[0]), *command[1:]],
            cwd=find_folder(environment),
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def _open_log(name: str) -> BinaryIO:
    """Open the log of a program's output, below data/bench/logs."""
    folder = FOLDER / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"{name}.log").open("ab")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
