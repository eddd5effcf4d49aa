"""The running stack: RabbitMQ's real topology and rights, Flower's login, the mail catcher."""

import smtplib
import socket
import uuid
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import amqp  # type: ignore[import-untyped]  # py-amqp ships no types
import pytest
import requests

from deploy.native.endpoints import list_endpoints, url_port
from deploy.rabbitmq.definitions import (
    ADMINISTRATOR,
    application_login,
    monitoring_login,
    virtual_host,
)
from deploy.rabbitmq.topology import topology
from project.broker.topology import DEAD_QUEUE
from project.config import Settings
from tests.waiting import wait_until

# RabbitMQ's management plugin refreshes its numbers every five seconds.
STATISTICS_SECONDS = 20


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings()


class Management:
    """RabbitMQ's management API, as one of its users."""

    def __init__(self, settings: Settings, user: str, password: str) -> None:
        port = url_port(settings.management_url)
        self._url = f"http://127.0.0.1:{port}/api"
        self._vhost = requests.utils.quote(virtual_host(settings), safe="")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (user, password)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        url = f"{self._url}/{path.format(vhost=self._vhost)}"
        return self._session.request(method, url, timeout=10, **options)

    def get(self, path: str) -> Any:
        response = self.request("GET", path)
        response.raise_for_status()
        return response.json()


@pytest.fixture(scope="module")
def monitor(settings: Settings) -> Management:
    return Management(settings, *monitoring_login(settings))


@pytest.fixture
def channel(settings: Settings) -> Iterator[amqp.Channel]:
    """A channel of the application's user. What it may not do closes it."""
    login = application_login(settings)
    connection = amqp.Connection(
        host=f"127.0.0.1:{url_port(settings.broker_url)}",
        userid=login.name,
        password=login.password,
        virtual_host=virtual_host(settings),
    )
    with connection:
        yield connection.channel()


def described(items: list[dict[str, Any]], *fields: str) -> dict[str, dict[str, Any]]:
    """The items by name, with these fields."""
    return {item["name"]: {field: item[field] for field in fields} for item in items}


def of_workers(name: str) -> bool:
    """Whether running workers and Flower bring it: it comes and goes with them."""
    return name.startswith("celeryev") or name.endswith("celery.pidbox")


def test_broker_has_the_queues_of_the_definitions_and_no_others(monitor: Management) -> None:
    fields = ("durable", "auto_delete", "arguments")
    found = described(monitor.get("queues/{vhost}"), *fields)
    expected = described(topology("", Settings().job_queues)["queues"], *fields)
    assert {name: queue for name, queue in found.items() if not of_workers(name)} == expected


def test_broker_has_the_exchanges_of_the_definitions_and_no_others(monitor: Management) -> None:
    fields = ("type", "durable", "auto_delete", "internal", "arguments")
    found = described(monitor.get("exchanges/{vhost}"), *fields)
    own = {
        name: exchange
        for name, exchange in found.items()
        if name and not name.startswith("amq.") and not of_workers(name)
    }
    assert own == described(topology("", Settings().job_queues)["exchanges"], *fields)


def test_broker_has_the_bindings_of_the_definitions_and_no_others(monitor: Management) -> None:
    def keys(bindings: list[dict[str, Any]]) -> set[tuple[str, ...]]:
        return {
            (
                binding["source"],
                binding["destination_type"],
                binding["destination"],
                binding["routing_key"],
            )
            for binding in bindings
            # Each queue is bound to the default exchange, whoever declares it.
            if binding["source"] and not of_workers(binding["source"])
        }

    assert keys(monitor.get("bindings/{vhost}")) == keys(
        topology("", Settings().job_queues)["bindings"]
    )


def test_each_queue_is_consumed_by_its_own_pool_alone(monitor: Management) -> None:
    def consumers() -> dict[str, set[str]]:
        """The roles of the queues' consumers, as their tags begin."""
        roles: dict[str, set[str]] = {}
        for consumer in monitor.get("consumers/{vhost}"):
            queue = consumer["queue"]["name"]
            if queue in Settings().job_queues:
                roles.setdefault(queue, set()).add(consumer["consumer_tag"].partition(" ")[0])
        return roles

    expected = {queue.name: {queue.role} for queue in Settings().job_queues.values()}
    wait_until(lambda: consumers() == expected, STATISTICS_SECONDS, "each pool at its own queue")


def test_nobody_consumes_dead_letters(monitor: Management) -> None:
    names = [consumer["queue"]["name"] for consumer in monitor.get("consumers/{vhost}")]
    assert DEAD_QUEUE.name not in names


@pytest.mark.parametrize("queue", [*Settings().job_queues, DEAD_QUEUE.name])
def test_application_cannot_delete_a_queue_of_ours(channel: amqp.Channel, queue: str) -> None:
    with pytest.raises(amqp.AccessRefused):
        channel.queue_delete(queue)


def test_application_cannot_make_a_queue_or_an_exchange(channel: amqp.Channel) -> None:
    with pytest.raises(amqp.AccessRefused):
        channel.queue_declare("mine")
    with pytest.raises(amqp.AccessRefused):
        channel.connection.channel().exchange_declare("mine", "topic")


def test_monitor_sees_numbers_but_no_message_and_changes_nothing(monitor: Management) -> None:
    assert monitor.get("queues/{vhost}/short")["name"] == "short"
    peek = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    refusals = [
        monitor.request("POST", "queues/{vhost}/dead/get", json=peek),
        monitor.request("DELETE", "queues/{vhost}/dead/contents"),
        monitor.request("DELETE", "queues/{vhost}/short"),
        monitor.request("PUT", "queues/{vhost}/mine", json={}),
        monitor.request("GET", "users"),
    ]
    assert all(400 <= refusal.status_code < 404 for refusal in refusals)


def test_administrator_can_sign_in_to_the_console(settings: Settings) -> None:
    administrator = Management(settings, ADMINISTRATOR, settings.admin_password)
    assert administrator.get("whoami")["tags"] == ["administrator"]


def test_users_are_ours_alone(settings: Settings) -> None:
    administrator = Management(settings, ADMINISTRATOR, settings.admin_password)
    names = {user["name"] for user in administrator.get("users")}
    assert names == {ADMINISTRATOR, application_login(settings).name, monitoring_login(settings)[0]}


def test_flower_asks_for_its_login(settings: Settings) -> None:
    session = requests.Session()
    session.trust_env = False
    url = f"http://127.0.0.1:{settings.flower_port}/api/workers"
    assert session.get(url, timeout=10).status_code == 401
    user, _, password = settings.flower_login.partition(":")
    assert session.get(url, auth=(user, password), timeout=10).status_code == 200


def test_flower_shows_the_queues_of_the_broker(settings: Settings) -> None:
    user, _, password = settings.flower_login.partition(":")
    session = requests.Session()
    session.trust_env = False
    session.auth = (user, password)
    api = f"http://127.0.0.1:{settings.flower_port}/api"

    def names() -> set[str]:
        # It knows the queues from the workers' answers, and asks them when it is told to.
        session.get(f"{api}/workers", params={"refresh": "1"}, timeout=30)
        queues = session.get(f"{api}/queues/length", timeout=10).json()["active_queues"]
        return {queue["name"] for queue in queues}

    wait_until(lambda: names() == Settings().job_queues.keys(), 60, "Flower to know the queues")


def test_mail_sent_over_smtp_is_caught(settings: Settings) -> None:
    address = f"{uuid.uuid4()}@example.org"
    message = EmailMessage()
    message["Subject"] = "Caught?"
    message["To"] = address
    message.set_content("Yes.\n")
    parts = urlsplit(settings.smtp_url)
    with smtplib.SMTP(parts.hostname or "", parts.port or 25) as server:
        server.send_message(message, from_addr="jobs@example.org")
    session = requests.Session()
    session.trust_env = False
    url = f"http://127.0.0.1:{settings.mailcatcher_port}/api/messages"
    (caught,) = session.get(url, params={"to": address}, timeout=10).json()
    assert (caught["subject"], caught["text"]) == ("Caught?", "Yes.\n")


def test_nothing_listens_beyond_this_machine(settings: Settings) -> None:
    # 127.0.0.2 is this machine too, but not the address the stack was given: only a server that
    # listens on all addresses answers there.
    for endpoint in list_endpoints(settings):
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex(("127.0.0.2", endpoint.port)) != 0, endpoint
