"""Drives one system from one thread of one process, and prints its figures as JSON.

python -m bench.peers.driver MODULE submit --jobs 4000     one after the other
python -m bench.peers.driver MODULE bulk --jobs 4000       in batches, if the system can
python -m bench.peers.driver MODULE fill --jobs 4000       in the quicker of these ways, untimed
python -m bench.peers.driver MODULE fill --jobs 400 --work busy --value 10
                                                           jobs with work, one by one, timed
python -m bench.peers.driver MODULE trips --jobs 300       submit, await the result, again
"""

import argparse
import json
import resource
import time
from importlib import import_module
from typing import Any, Protocol

from bench.peers.work import make_text

WARM_UP = 20
TRIP_SECONDS = 30.0


class Client(Protocol):
    """The client that every system's module returns from `connect()`."""

    def submit(self, number: int) -> Any:
        """Submit the no-op job with this number."""

    def submit_work(self, name: str, value: Any) -> Any:
        """Submit a job with this work of `WORK`; absent if no such jobs are measured."""

    def submit_many(self, numbers: list[int]) -> None:
        """Submit many jobs by the system's own way; absent if it has none."""

    def trip(self, number: int, timeout_seconds: float) -> Any:
        """Submit a job, await its result by the system's own means, and return it."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers.driver", description=__doc__)
    parser.add_argument("module")
    parser.add_argument("verb", choices=sorted(VERBS))
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--work", default="", help="a name in WORK")
    parser.add_argument("--value", type=int, default=0, help="milliseconds, or characters")
    options = parser.parse_args()
    client = import_module(options.module).connect()
    if options.work:
        found = fill_with_work(client, options.jobs, options.work, options.value)
    else:
        found = VERBS[options.verb](client, options.jobs)
    print(json.dumps(found))


def submit(client: Client, jobs: int) -> dict[str, float]:
    """Measure jobs a second, one after the other, without the first ones, which connect."""
    for number in range(WARM_UP):
        client.submit(number)
    return _timed(jobs - WARM_UP, lambda: _submit_each(client, range(WARM_UP, jobs)))


def bulk(client: Client, jobs: int) -> dict[str, float]:
    """Measure jobs a second by the system's way to submit many; nothing if it has none."""
    if not hasattr(client, "submit_many"):
        return {}
    client.submit_many(list(range(WARM_UP)))
    return _timed(jobs - WARM_UP, lambda: client.submit_many(list(range(WARM_UP, jobs))))


def fill(client: Client, jobs: int) -> dict[str, float]:
    """Submit that many jobs in the quickest way."""
    if hasattr(client, "submit_many"):
        client.submit_many(list(range(jobs)))
    else:
        _submit_each(client, range(jobs))
    return {"jobs": jobs}


def fill_with_work(client: Client, jobs: int, work: str, number: int) -> dict[str, float]:
    """Measure jobs a second, one after the other, without the first one, which connects."""
    value = make_text(number) if work == "take" else number
    client.submit_work(work, value)

    def submit_others() -> None:
        for _ in range(jobs - 1):
            client.submit_work(work, value)

    return _timed(jobs - 1, submit_others)


def trips(client: Client, jobs: int) -> dict[str, Any]:
    """Measure each job's seconds from the submit to the result."""
    for number in range(WARM_UP):
        client.trip(number, TRIP_SECONDS)
    seconds = []
    for number in range(jobs):
        began = time.perf_counter()
        result = client.trip(number, TRIP_SECONDS)
        seconds.append(time.perf_counter() - began)
        if result != number:
            raise RuntimeError(f"Job {number} has the result {result!r}.")
    return {"seconds": seconds}


def _submit_each(client: Client, numbers: range) -> None:
    for number in numbers:
        client.submit(number)


def _timed(jobs: int, work: Any) -> dict[str, float]:
    cpu, began = _cpu_seconds(), time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return {"jobs": jobs, "seconds": seconds, "client_cpu_seconds": _cpu_seconds() - cpu}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


VERBS = {"submit": submit, "bulk": bulk, "fill": fill, "trips": trips}

if __name__ == "__main__":
    main()
