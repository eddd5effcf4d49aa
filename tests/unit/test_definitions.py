"""The definitions document: users with the least rights, and the broker's own names."""

import base64
import json
import re
from typing import Any

import pytest

from deploy.rabbitmq.definitions import APPLICATION_CONFIGURES, password_hash, render
from deploy.rabbitmq.topology import topology
from project.broker.topology import DEAD_EXCHANGE, DEAD_QUEUE
from project.config import Settings

NAMES = [*Settings().job_queues, "gpu-2"]


def document(**changes: Any) -> dict[str, Any]:
    """The document of the default settings, with these changed."""
    return render(Settings(**changes))


def user(name: str, **changes: Any) -> dict[str, Any]:
    return next(user for user in document(**changes)["users"] if user["name"] == name)


def permission(name: str) -> dict[str, str]:
    return next(right for right in document()["permissions"] if right["user"] == name)


def queue(name: str) -> dict[str, Any]:
    return next(queue for queue in topology("jobs", NAMES)["queues"] if queue["name"] == name)


def routes(source: str, destination: str) -> set[str]:
    """The routing keys under which the source hands messages to the destination."""
    return {
        binding["routing_key"]
        for binding in topology("jobs", NAMES)["bindings"]
        if (binding["source"], binding["destination"]) == (source, destination)
    }


def test_password_is_hashed_as_rabbitmq_documents_it() -> None:
    # The example of https://www.rabbitmq.com/docs/passwords#computing-password-hash
    expected = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    assert password_hash("test12", bytes.fromhex("908DC60A")) == expected


def test_same_password_gets_another_salt_each_time() -> None:
    assert user("jobs")["password_hash"] != user("jobs")["password_hash"]


def test_document_holds_no_password() -> None:
    assert "development-" not in json.dumps(document())


def test_password_of_a_url_is_taken_as_it_was_before_it_was_quoted() -> None:
    hashed = user("jobs", broker_url="amqp://jobs:a%2Fb%40c@127.0.0.1/jobs")["password_hash"]
    salt = base64.b64decode(hashed)[:4]
    assert hashed == password_hash("a/b@c", salt)


@pytest.mark.parametrize(
    ("name", "tags"), [("admin", ["administrator"]), ("jobs", []), ("monitor", ["monitoring"])]
)
def test_users_have_the_tags_of_their_task(name: str, tags: list[str]) -> None:
    assert user(name)["tags"] == tags


def test_monitor_has_no_right_to_any_message_or_queue() -> None:
    rights = permission("monitor")
    assert {rights["configure"], rights["write"], rights["read"]} == {"^$"}


@pytest.mark.parametrize("name", [*NAMES, "dead", "jobs", "jobs.dead", "mine", "celery"])
def test_application_may_neither_make_nor_delete(name: str) -> None:
    assert not re.search(permission("jobs")["configure"], name)


@pytest.mark.parametrize(
    "name",
    [
        "celeryev",
        "celeryev.0d5f",
        "celery.pidbox",
        "short@host.celery.pidbox",
        "5a-reply.celery.pidbox",
        "celery_delayed_27",
        "celery_delayed_delivery",
    ],
)
def test_application_may_make_what_its_workers_declare_themselves(name: str) -> None:
    assert re.search(APPLICATION_CONFIGURES, name)


def test_two_roles_cannot_share_a_user() -> None:
    with pytest.raises(ValueError, match="two different users"):
        document(management_url="http://jobs:other@127.0.0.1:15672/api/")


def test_url_without_a_user_is_refused_with_its_setting() -> None:
    with pytest.raises(ValueError, match="JOBS_BROKER_URL must name a user"):
        document(broker_url="amqp://127.0.0.1/jobs")


@pytest.mark.parametrize("name", NAMES)
def test_queue_is_a_quorum_queue_that_dead_letters_at_least_once(name: str) -> None:
    arguments = queue(name)["arguments"]
    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-dead-letter-exchange"] == DEAD_EXCHANGE.name
    assert arguments["x-dead-letter-strategy"] == "at-least-once"


@pytest.mark.parametrize("name", NAMES)
def test_queue_is_reached_by_its_own_name_at_once_and_after_a_delay(name: str) -> None:
    assert routes("jobs", name) == {name, f"#.{name}"}
    assert f"#.{name}" in routes("celery_delayed_delivery", "jobs")


def test_dead_letters_reach_their_queue() -> None:
    assert routes(DEAD_EXCHANGE.name, DEAD_QUEUE.name)


def test_delayed_delivery_is_declared_before_any_worker_starts() -> None:
    names = {queue["name"] for queue in topology("jobs", NAMES)["queues"]}
    assert names == {*NAMES, DEAD_QUEUE.name} | {f"celery_delayed_{n}" for n in range(28)}


def test_every_exchange_and_queue_survives_a_restart_of_the_broker() -> None:
    found = topology("jobs", NAMES)
    assert all(item["durable"] for item in [*found["exchanges"], *found["queues"]])


def test_every_binding_joins_what_is_declared() -> None:
    found = topology("jobs", NAMES)
    exchanges = {exchange["name"] for exchange in found["exchanges"]}
    queues = {queue["name"] for queue in found["queues"]}
    for binding in found["bindings"]:
        assert binding["source"] in exchanges
        assert binding["destination"] in (
            queues if binding["destination_type"] == "queue" else exchanges
        )
