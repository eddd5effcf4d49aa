"""The API's description: complete, true to the code, and of OpenAPI's own form."""

import configparser
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask

from project.jobs import KINDS
from project.server.openapi import PATH_PARAMETERS, TAGS, VERSION, find_operations
from tests.builders import settings_in
from tests.unit.conftest import ClientMaker

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NOT_API = ("static", "signups.confirm", "signups.show_confirmation", "pages.", "reference.")
"""How the names of pages for people begin, and of what they consist of."""


@pytest.fixture
def app(make_client: ClientMaker) -> Flask:
    return make_client().application


@pytest.fixture
def description(make_client: ClientMaker) -> Any:
    return make_client().get("/openapi.json").json


def test_every_route_of_the_api_is_described(app: Flask) -> None:
    routes = {rule.endpoint for rule in app.url_map.iter_rules()}
    pages = {name for name in routes if name.startswith(NOT_API)}

    assert {rule.endpoint for rule, _, _ in find_operations(app)} == routes - pages


def test_description_is_of_openapis_form(description: Any) -> None:
    assert description["openapi"].startswith("3.1.")
    assert description["info"]["title"]
    for path, operations in description["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["tags"][0] in TAGS
            assert all(answer["description"] for answer in operation["responses"].values()), path


def test_every_reference_leads_somewhere(description: Any) -> None:
    text = json.dumps(description)
    wanted = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}

    assert wanted == set(description["components"]["schemas"])


def test_every_schema_is_a_json_schema(description: Any) -> None:
    for schema in description["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": DRAFT, **schema})


def test_ids_of_operations_are_used_once(description: Any) -> None:
    ids = [
        operation["operationId"]
        for operations in description["paths"].values()
        for operation in operations.values()
    ]

    assert len(ids) == len(set(ids))


def test_path_parameters_are_those_of_the_paths(description: Any) -> None:
    for path, operations in description["paths"].items():
        for operation in operations.values():
            names = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert names == {name for name in PATH_PARAMETERS if f"{{{name}}}" in path}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_kind_that_is_offered_is_described_with_its_parameters(name: str, description: Any) -> None:
    body = description["paths"]["/api/v1/jobs"]["post"]["requestBody"]
    kinds = body["content"]["application/json"]["schema"]["discriminator"]["mapping"]

    assert (name in kinds) is not KINDS[name].is_internal


def test_misspelt_field_is_not_allowed_by_the_schema(description: Any) -> None:
    schema = description["components"]["schemas"]["CreateTaskSubmission"]

    assert schema["additionalProperties"] is False


def test_limits_of_the_query_are_told(description: Any) -> None:
    (limit,) = [
        parameter
        for parameter in description["paths"]["/api/v1/jobs"]["get"]["parameters"]
        if parameter["name"] == "limit"
    ]

    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert limit["required"] is False


def test_problem_is_told_with_the_header_that_comes_with_it(description: Any) -> None:
    answers = description["paths"]["/api/v1/jobs"]["post"]["responses"]

    assert {"202", "400", "403", "404", "409", "413", "503"} <= set(answers)
    assert "Retry-After" in answers["503"]["headers"]
    assert list(answers["503"]["content"]) == ["application/problem+json"]


def test_queues_of_the_filters_are_the_configured_ones(
    make_client: ClientMaker, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path, queues="short; long; gpu")
    document: Any = make_client(settings=settings).get("/openapi.json").json

    (query,) = [
        parameter["schema"]["items"]
        for parameter in document["paths"]["/api/v1/jobs"]["get"]["parameters"]
        if parameter["name"] == "queue"
    ]
    body = document["components"]["schemas"]["RerunDeadLetters"]["properties"]["queue"]["items"]

    assert query["enum"] == body["enum"] == ["short", "long", "gpu"]
    assert '"format": "queue"' not in json.dumps(document)


def test_version_is_the_projects(repository: Path) -> None:
    setup = configparser.ConfigParser()
    setup.read(repository / "setup.cfg")

    assert setup["metadata"]["version"] == VERSION
