"""Headers that keep the page to itself, and the refusal of other sites' forms."""

from pathlib import Path

import pytest

from tests.builders import settings_in
from tests.unit.conftest import ClientMaker


@pytest.mark.parametrize("path", ["/tasks", "/api/v1/jobs", "/api/v1/signups"])
def test_post_from_another_site_is_refused(path: str, make_client: ClientMaker) -> None:
    answer = make_client().post(path, json={}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none", None])
def test_post_from_here_or_from_a_program_is_not_refused(
    site: str | None, make_client: ClientMaker
) -> None:
    headers = {"Sec-Fetch-Site": site} if site else {}

    answer = make_client().post("/tasks", json={}, headers=headers)

    assert answer.status_code == 400


def test_link_from_another_site_may_be_followed(make_client: ClientMaker) -> None:
    answer = make_client().get("/healthz", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/", "/nothing-here"])
def test_every_answer_carries_the_headers(path: str, make_client: ClientMaker) -> None:
    headers = make_client().get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_page_allows_no_inline_script(make_client: ClientMaker) -> None:
    assert "unsafe-inline" not in make_client().get("/").headers["Content-Security-Policy"]


def test_new_browser_gets_an_id_that_scripts_cannot_read(make_client: ClientMaker) -> None:
    cookie = make_client().get("/").headers["Set-Cookie"]

    assert cookie.startswith("browser=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    ("public_url", "asked", "is_secure"),
    [
        ("http://localhost:5004", "http://localhost:5004/", False),
        ("http://localhost:5004", "https://localhost:5004/", True),
        ("https://jobs.example", "http://10.0.0.7:5004/", True),
    ],
)
def test_id_is_sent_by_tls_alone_where_there_is_tls(
    public_url: str, asked: str, is_secure: bool, make_client: ClientMaker, tmp_path: Path
) -> None:
    client = make_client(settings=settings_in(tmp_path, public_url=public_url))

    cookie = client.get(asked).headers["Set-Cookie"]

    assert ("; Secure" in cookie) is is_secure


def test_browser_keeps_its_id(make_client: ClientMaker) -> None:
    client = make_client()
    client.get("/")

    assert "Set-Cookie" not in client.get("/").headers


@pytest.mark.parametrize("forged", ["x", "../../x", "a" * 23, "é" * 22, "*" * 22])
def test_forged_id_is_replaced(forged: str, make_client: ClientMaker) -> None:
    client = make_client()
    client.set_cookie("browser", forged)

    assert "Set-Cookie" in client.get("/").headers
