"""Finds queues that differ from `project.broker.topology`: RabbitMQ never changes existing ones."""

import base64
import http.client
import json
from typing import Any
from urllib.parse import quote

from deploy.native.endpoints import LOOPBACK, url_port
from deploy.rabbitmq.definitions import monitoring_login, virtual_host
from deploy.rabbitmq.topology import topology
from project.config import Settings

ANSWER_SECONDS = 5.0


def find_changed_queues(settings: Settings) -> list[str]:
    """Return a sentence for each queue that an older version of the project made differently."""
    expected = topology(virtual_host(settings), settings.job_queues)["queues"]
    try:
        return compare_queues(expected, _fetch_queues(settings))
    except (OSError, http.client.HTTPException):
        return []  # an unavailable console is no reason to end a working stack


def compare_queues(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[str]:
    """Compare the expected queues with the broker's; return a sentence for each difference."""
    arguments = {queue["name"]: queue["arguments"] for queue in found}
    return [
        f"Queue {queue['name']} was declared with other arguments than "
        "project/broker/topology.py now has. Delete it in the RabbitMQ console when it is empty, "
        "or delete data/rabbitmq with all waiting jobs, then start again."
        for queue in expected
        if arguments.get(queue["name"], queue["arguments"]) != queue["arguments"]
    ]


def _fetch_queues(settings: Settings) -> list[dict[str, Any]]:
    login = ":".join(monitoring_login(settings)).encode()
    connection = http.client.HTTPConnection(
        LOOPBACK, url_port(settings.management_url), timeout=ANSWER_SECONDS
    )
    try:
        connection.request(
            "GET",
            f"/api/queues/{quote(virtual_host(settings), safe='')}?columns=name,arguments",
            headers={"Authorization": f"Basic {base64.b64encode(login).decode()}"},
        )
        response = connection.getresponse()
        found: list[dict[str, Any]] = json.load(response) if response.status == 200 else []
    finally:
        connection.close()
    return found
