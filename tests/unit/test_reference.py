"""The API's reference: a page of our own, with the files that a package brings."""

import pytest

from tests.unit.conftest import ClientMaker


def test_page_loads_what_the_package_brings(make_client: ClientMaker) -> None:
    client = make_client()

    page = client.get("/api/")

    assert page.content_type.startswith("text/html")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"/api/assets/{name}" in page.text
        answer = client.get(f"/api/assets/{name}")
        assert answer.status_code == 200
        assert "max-age" in answer.headers["Cache-Control"]


def test_page_keeps_to_the_policy_of_all_pages(make_client: ClientMaker) -> None:
    client = make_client()

    policy = client.get("/api/").headers["Content-Security-Policy"]

    assert policy == client.get("/").headers["Content-Security-Policy"]
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["index.html", "swagger-ui.js", "../__init__.py", "%2e%2e/x"])
def test_nothing_else_of_the_package_is_served(name: str, make_client: ClientMaker) -> None:
    answer = make_client().get(f"/api/assets/{name}")

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


def test_home_page_links_to_it(make_client: ClientMaker) -> None:
    assert '<a href="/api/">API</a>' in make_client().get("/").text


def test_description_is_json_and_always_the_same(make_client: ClientMaker) -> None:
    client = make_client()

    first, second = client.get("/openapi.json"), client.get("/openapi.json")

    assert first.content_type == "application/json"
    assert first.data == second.data
