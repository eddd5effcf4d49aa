"""Queues that differ from `project.broker.topology`: RabbitMQ never changes an existing one."""

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
    """A sentence for each queue that an older version of this project has made differently."""
    expected = topology(virtual_host(settings), settings.job_queues)["queues"]
    try:
        return compare_queues(expected, _fetch_queues(settings))
    except (OSError, http.client.HTTPException):
        return []  # a console that does not answer is no reason to end a stack that works


def compare_queues(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[str]:
    """The sentences, from what is defined and what the broker has."""
    arguments = {queue["name"]: queue["arguments"] for queue in found}
    return [
        f"Queue {queue['name']} was made with other arguments than "
        "project/broker/topology.py now gives: "
        "delete it in the RabbitMQ console when it is empty (or data/rabbitmq, with all that "
        "waits), then start again."
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
