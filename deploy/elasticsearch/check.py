"""Follows one job from its request to the log store, and prints what it found.

    docker compose run --rm --no-deps elk-setup-elasticsearch python -m deploy.elasticsearch.check

It submits a job that does nothing, and queries Elasticsearch: lines of web and worker with the
same `trace.id`, nothing in the failure store and the stream `unparsed`, and lines of RabbitMQ.
Exits 0 if all of this is right.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from deploy.elasticsearch.client import Client, StoreError
from deploy.elasticsearch.credentials import read_passwords

WANTED = ("http_request", "job_submitted", "job_started", "job_finished")
ARRIVE_SECONDS = 60.0


def main() -> None:
    given = _arguments()
    passwords = read_passwords(given.secrets)
    login = ("elastic", passwords["elastic"])
    client = Client(given.elasticsearch, given.secrets / "ca.pem", login, passwords.values())
    try:
        trace_id = _submit(given.web)
        found = _wait_for_lines(client, trace_id)
    except (OSError, StoreError) as error:
        sys.exit(f"The check failed to run: {error}")
    complaints = list(_complain(client, found))
    summary = ", ".join(f"{name} {number}" for name, number in sorted(found.items()))
    sys.stdout.write(f"trace.id {trace_id}: {summary}\n")
    if complaints:
        sys.exit("\n".join(complaints))


def _complain(client: Client, found: Counter[str]) -> list[str]:
    """Return a sentence for each problem."""
    missing = [name for name in WANTED if not found[name]]
    numbers = {
        "refused lines in the failure store": _count(client, "logs-jobs.*-*::failures"),
        "unreadable lines": _count(client, "logs-jobs.unparsed-*"),
    }
    complaints = [f"There are {number} {what}." for what, number in numbers.items() if number]
    if missing:
        complaints.append(f"No line of {', '.join(missing)} has arrived.")
    if not _count(client, "logs-jobs.rabbitmq-*"):
        complaints.append("No line from RabbitMQ has arrived.")
    return complaints


def _submit(web: str) -> str:
    """Submit a job and return its trace id."""
    body = json.dumps({"kind": "create_task", "parameters": {"type": 0}}).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"{web}/api/v1/jobs", body, headers)  # noqa: S310 - the address is the caller's
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        return str(answer.headers["traceparent"].split("-")[1])


def _wait_for_lines(client: Client, trace_id: str) -> Counter[str]:
    """Count the lines of the trace by action; wait for the last one."""
    deadline = time.monotonic() + ARRIVE_SECONDS
    query = {"size": 100, "query": {"term": {"trace.id": trace_id}}}
    while True:
        hits = client.ask("POST", "/logs-jobs.*-*/_search", query).document["hits"]["hits"]
        found = Counter(_action(hit["_source"]) for hit in hits)
        if found["job_finished"] or time.monotonic() > deadline:
            return found
        time.sleep(1)


def _action(source: dict[str, Any]) -> str:
    return str(source.get("event", {}).get("action", "log"))


def _count(client: Client, target: str) -> int:
    return int(client.ask("GET", f"/{target}/_count").document["count"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--web", default="http://web:5004")
    parser.add_argument("--elasticsearch", default="https://elasticsearch:9200")
    parser.add_argument("--secrets", type=Path, default=Path("/secrets"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
