"""Headers that only a proxy may set: a client that sends them changes nothing."""

import socket

import pytest

from tests.integration.isolated.system import IsolatedSystem
from tests.integration.raw_http import read_head

END_SECONDS = 30


@pytest.fixture(scope="module")
def web(isolated: IsolatedSystem) -> IsolatedSystem:
    isolated.start_web()
    return isolated


def ask(web: IsolatedSystem, path: str, *headers: str) -> tuple[int, dict[str, str]]:
    """The status and the headers, their names in small letters."""
    with socket.create_connection(("127.0.0.1", web.web_port), timeout=END_SECONDS) as line:
        head = [f"GET {path} HTTP/1.1", "Host: jobs.example", "Connection: close", *headers, "", ""]
        line.sendall("\r\n".join(head).encode())
        return read_head(line)


@pytest.mark.parametrize(
    "header",
    [
        *("SCRIPT_NAME: /confirm", "script_name: /confirm", "SCRIPT-NAME: /confirm"),
        *("PATH_INFO: /api/v1/kinds", "HTTP_PATH_INFO: /api/v1/kinds"),
        *("X-Script-Name: /confirm", "X-Forwarded-Prefix: /confirm"),
        *("X-Original-URL: /api/v1/kinds", "X-Rewrite-URL: /api/v1/kinds"),
    ],
)
def test_header_leads_to_no_other_route(web: IsolatedSystem, header: str) -> None:
    """A proxy lets everybody reach `/confirm/`, and asks for a login before all else."""
    assert ask(web, "/api/v1/kinds")[0] == 200

    assert ask(web, "/confirm/api/v1/kinds", header)[0] == 404


@pytest.mark.parametrize("header", ["SCRIPT_NAME: /api", "PATH_INFO: /nowhere"])
def test_header_takes_no_route_away(web: IsolatedSystem, header: str) -> None:
    assert ask(web, "/api/v1/kinds", header)[0] == 200


@pytest.mark.parametrize(
    ("header", "is_tls"),
    [
        ("X-Forwarded-Proto: https", True),
        ("X-Forwarded-Proto: http", False),
        ("X_Forwarded_Proto: https", False),
        ("X-Forwarded-Protocol: ssl", False),
        ("X-Forwarded-Ssl: on", False),
        ("Forwarded: proto=https", False),
    ],
)
def test_one_header_of_a_proxy_on_this_machine_says_that_it_speaks_tls(
    web: IsolatedSystem, header: str, is_tls: bool
) -> None:
    _, headers = ask(web, "/", header)

    assert ("; Secure" in headers["set-cookie"]) is is_tls


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Host: evil.example", "Forwarded: host=evil.example", "Host_: evil"]
)
def test_header_sends_nobody_to_another_host(web: IsolatedSystem, header: str) -> None:
    status, headers = ask(web, "/api", header)

    assert status == 308
    assert "evil" not in headers["location"]


def test_header_makes_no_client_another_one(web: IsolatedSystem) -> None:
    before = len(web.log.about("198.51.100.7"))

    ask(web, "/api/v1/kinds", "X-Forwarded-For: 198.51.100.7", "REMOTE_ADDR: 198.51.100.7")

    assert len(web.log.about("198.51.100.7")) == before
