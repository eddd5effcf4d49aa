"""Where a crawl may connect to: addresses, names, and names that change their mind."""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx
import pytest
from pydantic import ValidationError

from project.config import Settings
from project.jobs.web_crawl.guard import Guard, RefusedError
from project.jobs.web_crawl.transport import (
    Addresses,
    GuardedBackend,
    GuardedTransport,
    read_literal,
)

REFUSED = [
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "100.64.0.1", "100.127.255.255", "100.100.100.200", "169.254.169.254"),
    *("169.254.0.1", "192.0.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "192.88.99.1", "224.0.0.1", "224.0.1.1", "239.255.255.255", "240.0.0.1"),
    *("255.255.255.255", "168.63.129.16"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe"),
    *("::127.0.0.1", "::169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b::10.0.0.1"),
    *("64:ff9b:1::1", "2002:7f00:1::1", "2002:a9fe:a9fe::", "2002:808:808::1", "2001::1"),
    *("2001:db8::1", "3fff::1", "5f00::1", "100::1", "", "example.org", "1.2.3"),
]
PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.255.255"),
    *("100.128.0.1", "169.253.1.1", "2606:4700::1111", "2a00:1450:4001::8", "::ffff:8.8.8.8"),
    *("64:ff9b::8.8.8.8",),
]


@pytest.mark.parametrize("address", REFUSED)
def test_address_that_is_not_public_is_refused(address: str) -> None:
    assert Guard().find_reason(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_taken(address: str) -> None:
    assert Guard().find_reason(address) == ""


@pytest.mark.parametrize(
    ("network", "address", "is_taken"),
    [
        ("10.1.0.0/16", "10.1.2.3", True),
        ("10.1.0.0/16", "10.2.0.1", False),
        ("10.1.0.0/16", "::ffff:10.1.2.3", True),
        ("127.0.0.1/32", "127.0.0.1", True),
        ("127.0.0.1/32", "127.0.0.2", False),
        ("fd12::/16", "fd12::1", True),
        # Whoever allows everything has not thought of the metadata service.
        ("0.0.0.0/0", "10.0.0.1", True),
        ("0.0.0.0/0", "169.254.169.254", False),
        ("::/0", "fe80::1", False),
        ("::/0", "fd00:ec2::254", False),
        ("0.0.0.0/0", "168.63.129.16", False),
        ("169.254.0.0/16", "169.254.169.254", True),
        ("169.254.169.254/32", "169.254.169.254", True),
        ("169.254.1.0/24", "169.254.169.254", False),
        ("fe80::/10", "fe80::1", True),
    ],
)
def test_named_network_is_taken_and_metadata_only_when_named_itself(
    network: str, address: str, is_taken: bool
) -> None:
    assert (Guard([network]).find_reason(address) == "") is is_taken


def test_host_with_one_refused_address_is_refused_as_a_whole() -> None:
    with pytest.raises(RefusedError, match=r"mixed\.example \(10\.0\.0\.1\) is not a public"):
        Guard().check("mixed.example", ["8.8.8.8", "10.0.0.1"])


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("2852039166", "169.254.169.254"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("0251.0376.0251.0376", "169.254.169.254"),
        ("127.1", "127.0.0.1"),
        ("::ffff:169.254.169.254", "::ffff:169.254.169.254"),
    ],
)
def test_address_in_disguise_is_read_as_what_it_is(host: str, address: str) -> None:
    assert read_literal(host) == [address]
    with pytest.raises(RefusedError):
        addresses_of({}).check_literal(host)


@pytest.mark.parametrize("host", ["example.org", "localhost", "a" * 300, "\ud800"])
def test_name_is_no_literal_and_nobody_is_asked(host: str) -> None:
    assert read_literal(host) == []


def test_setting_names_networks() -> None:
    settings = Settings(crawl_allowed_networks=" 10.1.0.0/16, fd12::/16,")

    assert settings.crawl_networks == ("10.1.0.0/16", "fd12::/16")
    assert Settings().crawl_networks == ()


@pytest.mark.parametrize("networks", ["10.1.0.1/16", "intranet", "10.0.0.0/8;10.1.0.0/16"])
def test_setting_that_names_none_is_refused_at_the_start(networks: str) -> None:
    with pytest.raises(ValidationError, match="JOBS_CRAWL_ALLOWED_NETWORKS must be networks"):
        Settings(crawl_allowed_networks=networks)


# ── Connections ──────────────────────────────────────────────────────────────────────────────────


class NameServer:
    """Answers with the next of a name's answers, the last one again and again."""

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        answers = self._answers.get(host)
        if answers is None:
            raise OSError("no such host")
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Wire(httpcore.AsyncMockBackend):
    """Notes where connections go to; every one of them answers the same."""

    def __init__(self, dead: Iterable[str] = ()) -> None:
        super().__init__([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"])
        self.connected: list[tuple[str, int]] = []
        self._dead = set(dead)

    async def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> Any:
        self.connected.append((host, port))
        if host in self._dead:
            raise httpcore.ConnectError("nobody")
        return await super().connect_tcp(host, port, *args, **options)


def addresses_of(
    answers: dict[str, list[list[str]]], allowed: Iterable[str] = (), port: int = 80
) -> Addresses:
    return Addresses(Guard(allowed), {80, 443, port}, NameServer(answers))


def get(addresses: Addresses, wire: Wire, *urls: str) -> list[int]:
    """The status of each URL, asked one after the other without keeping connections."""

    async def ask() -> list[int]:
        backend = GuardedBackend(addresses, wire)
        transport = GuardedTransport(backend, 2, ssl.create_default_context())
        statuses = []
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            for url in urls:
                answer = await client.get(url, headers={"Connection": "close"})
                statuses.append(answer.status_code)
        addresses.close()
        return statuses

    return asyncio.run(ask())


def test_connection_goes_to_the_judged_address_and_not_to_the_name() -> None:
    wire = Wire()

    assert get(addresses_of({"site.example": [["8.8.8.8"]]}), wire, "http://site.example/") == [200]

    assert wire.connected == [("8.8.8.8", 80)]


def test_name_that_changes_its_mind_gains_nothing() -> None:
    """DNS rebinding: public when it is judged, the metadata service when it is connected to."""
    wire = Wire()
    names = NameServer({"evil.example": [["8.8.8.8"], ["169.254.169.254"]]})
    addresses = Addresses(Guard(), {80}, names)

    get(addresses, wire, "http://evil.example/1", "http://evil.example/2")

    assert wire.connected == [("8.8.8.8", 80), ("8.8.8.8", 80)]
    assert names.asked == ["evil.example"]


@pytest.mark.parametrize(
    ("url", "answers"),
    [
        ("http://inside.example/", [["10.0.0.5"]]),
        ("http://inside.example/", [["8.8.8.8", "::1"]]),
        ("https://inside.example/", [["127.0.0.1"]]),
        ("http://inside.example:6379/", [["8.8.8.8"]]),
    ],
)
def test_refused_host_is_never_connected_to(url: str, answers: list[list[str]]) -> None:
    wire = Wire()

    with pytest.raises(RefusedError):
        get(addresses_of({"inside.example": answers}), wire, url)

    assert wire.connected == []


def test_next_address_is_tried_where_one_does_not_answer() -> None:
    wire = Wire(dead=["8.8.8.8"])
    addresses = addresses_of({"site.example": [["8.8.8.8", "1.1.1.1"]]})

    assert get(addresses, wire, "http://site.example/") == [200]

    assert wire.connected == [("8.8.8.8", 80), ("1.1.1.1", 80)]


def test_port_of_the_start_page_is_taken() -> None:
    addresses = addresses_of({"site.example": [["10.0.0.5"]]}, ["10.0.0.0/8"], port=8080)

    assert get(addresses, Wire(), "http://site.example:8080/") == [200]


def test_host_that_is_not_there_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="no such host"):
        get(addresses_of({}), Wire(), "http://nowhere.example/")
