"""Certificates and passwords of the log store, and how Elasticsearch and Kibana are set up.

Both are stand-ins, which answer over TLS with the certificates that are made for the real ones.
"""

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.elasticsearch.certificates import make_authority
from deploy.elasticsearch.client import Client, StoreError
from deploy.elasticsearch.credentials import ELASTIC_UID, OUR_UID, make, read_passwords
from deploy.elasticsearch.setup import list_streams, set_up_elasticsearch, set_up_kibana
from project.config import Settings
from tests.unit.elastic import Elastic, elastic

AVAILABLE = {"status": {"overall": {"level": "available"}}}
IMPORT = ("POST", "/api/saved_objects/_import?overwrite=true")
STREAMS = list_streams(Settings())
EXISTS = (400, {"error": {"type": "resource_already_exists_exception", "reason": "is there"}})


def give_nothing(path: Path, uid: int) -> None:
    """Only root can give files away."""


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    make(folder, give_nothing)
    return folder


@pytest.fixture
def copy(secrets: Path, tmp_path: Path) -> Path:
    """The same, to be changed by the test."""
    return Path(shutil.copytree(secrets, tmp_path / "secrets"))


@pytest.fixture
def passwords(secrets: Path) -> dict[str, str]:
    return read_passwords(secrets / "setup")


@pytest.fixture
def server(secrets: Path, passwords: dict[str, str]) -> Iterator[Elastic]:
    part = secrets / "elasticsearch"
    login = ("elastic", passwords["elastic"])
    with elastic(part / "elasticsearch.pem", part / "elasticsearch.key", login) as served:
        served.answers["GET", "/api/status"] = [(200, AVAILABLE)]
        served.answers[IMPORT] = [(200, {"success": True})]
        yield served


@pytest.fixture
def client(secrets: Path, passwords: dict[str, str], server: Elastic) -> Client:
    return make_client(server, secrets, passwords, passwords["elastic"])


def make_client(server: Elastic, secrets: Path, passwords: dict[str, str], password: str) -> Client:
    authority = secrets / "setup" / "ca.pem"
    login = ("elastic", password)
    return Client(server.url, authority, login, passwords.values(), pause_seconds=0.01)


# ── Credentials ──────────────────────────────────────────────────────────────────────────────────


def test_each_part_gets_its_own_and_no_more(secrets: Path) -> None:
    files = {
        path.name: sorted(file.name for file in path.iterdir())
        for path in secrets.iterdir()
        if path.name != "authority"
    }

    assert files == {
        "elasticsearch": ["ca.pem", "elastic_password", "elasticsearch.key", "elasticsearch.pem"],
        "kibana": ["ca.pem", "kibana.key", "kibana.pem", "secrets.yml"],
        "filebeat": ["ca.pem", "filebeat.key", "filebeat.pem", "secrets.yml"],
        "logstash": ["ca.pem", "logstash.key", "logstash.pem", "password"],
        "setup": ["ca.pem", "passwords.json"],
    }


def test_only_its_owner_reads_a_secret(secrets: Path) -> None:
    for path in secrets.rglob("*"):
        if path.is_file() and path.suffix in {".key", ".json", ".yml", ""}:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_files_are_given_to_those_who_read_them(copy: Path) -> None:
    given: dict[Path, int] = {}
    make(copy, given.__setitem__)

    assert given[copy / "kibana" / "secrets.yml"] == ELASTIC_UID
    assert given[copy / "setup" / "passwords.json"] == OUR_UID
    assert not any(path.is_relative_to(copy / "authority") for path in given)


def test_second_start_changes_nothing(copy: Path) -> None:
    before = contents(copy)
    make(copy, give_nothing)

    assert contents(copy) == before


def test_lost_volume_is_filled_again_from_the_same_passwords(
    copy: Path, passwords: dict[str, str]
) -> None:
    shutil.rmtree(copy / "setup")
    make(copy, give_nothing)

    assert read_passwords(copy / "setup") == passwords


def test_passwords_differ(passwords: dict[str, str]) -> None:
    assert len(set(passwords.values())) == len(passwords) == 3
    assert all(len(password) >= 32 for password in passwords.values())


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ── Elasticsearch ────────────────────────────────────────────────────────────────────────────────


def test_what_is_needed_comes_first(
    client: Client, server: Elastic, passwords: dict[str, str]
) -> None:
    set_up_elasticsearch(client, passwords)

    assert server.asked == [
        ("GET", "/"),
        ("POST", "/_security/user/kibana_system/_password"),
        ("PUT", "/_component_template/jobs@mappings"),
        ("PUT", "/_ingest/pipeline/jobs@default"),
        ("PUT", "/_ingest/pipeline/jobs@rabbitmq"),
        ("PUT", "/_index_template/logs-jobs"),
        ("PUT", "/_security/role/jobs_writer"),
        ("PUT", "/_security/user/jobs_writer"),
        *(("PUT", f"/_data_stream/{stream}") for stream in STREAMS),
    ]


def test_users_get_the_generated_passwords(
    client: Client, server: Elastic, passwords: dict[str, str]
) -> None:
    set_up_elasticsearch(client, passwords)

    told = {request.path: request for request in server.requests}
    assert told["/_security/user/kibana_system/_password"].document == {
        "password": passwords["kibana_system"]
    }
    assert told["/_security/user/jobs_writer"].document == {
        "password": passwords["jobs_writer"],
        "roles": ["jobs_writer"],
    }


def test_setting_up_again_is_no_error(
    client: Client, server: Elastic, passwords: dict[str, str]
) -> None:
    for stream in STREAMS:
        server.answers["PUT", f"/_data_stream/{stream}"] = [EXISTS]

    set_up_elasticsearch(client, passwords)


def test_server_that_starts_is_waited_for(
    client: Client, server: Elastic, passwords: dict[str, str]
) -> None:
    starting = [(503, {"error": {"type": "unavailable", "reason": "soon"}}), (401, {}), (200, {})]
    server.answers["GET", "/"] = list(starting)

    set_up_elasticsearch(client, passwords)

    assert server.asked[:4] == [("GET", "/")] * 3 + [
        ("POST", "/_security/user/kibana_system/_password")
    ]


def test_refusal_is_told_with_its_reason(
    client: Client, server: Elastic, passwords: dict[str, str]
) -> None:
    error = {"error": {"type": "illegal_argument", "reason": "no such template"}}
    server.answers["PUT", "/_index_template/logs-jobs"] = [(400, error)]

    with pytest.raises(StoreError) as raised:
        set_up_elasticsearch(client, passwords)

    assert str(raised.value) == (
        "PUT /_index_template/logs-jobs answered 400: illegal_argument: no such template"
    )


def test_stream_that_cannot_be_made_is_told(
    client: Client, server: Elastic, passwords: dict[str, str]
) -> None:
    error = {"error": {"type": "illegal_argument", "reason": "no matching template"}}
    server.answers["PUT", f"/_data_stream/{STREAMS[0]}"] = [(400, error)]

    with pytest.raises(StoreError, match="no matching template"):
        set_up_elasticsearch(client, passwords)


def test_no_error_tells_a_password(
    client: Client, server: Elastic, passwords: dict[str, str]
) -> None:
    reason = f"user with {passwords['jobs_writer']} and {passwords['elastic']}"
    answer = (400, {"error": {"type": "validation", "reason": reason}})
    server.answers["PUT", "/_security/user/jobs_writer"] = [answer]

    with pytest.raises(StoreError) as raised:
        set_up_elasticsearch(client, passwords)

    assert not [password for password in passwords.values() if password in str(raised.value)]
    assert raised.value.__cause__ is None


def test_wait_ends_with_the_last_answer(
    server: Elastic, secrets: Path, passwords: dict[str, str]
) -> None:
    client = make_client(server, secrets, passwords, "wrong")

    with pytest.raises(StoreError, match=r"not ready after 0.05 s; .* 401: .*who are you"):
        client.wait("/", lambda answer: answer.status == 200, 0.05)


def test_certificate_of_another_authority_is_refused(
    server: Elastic, passwords: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "setup").mkdir()
    make_authority(tmp_path / "setup")
    client = make_client(server, tmp_path, passwords, passwords["elastic"])

    with pytest.raises(StoreError, match="CERTIFICATE_VERIFY_FAILED"):
        client.ask("GET", "/")


# ── Kibana ───────────────────────────────────────────────────────────────────────────────────────


def test_kibana_gets_objects_then_alerts(client: Client, server: Elastic) -> None:
    server.answers["GET", "/api/status"] = [
        (503, {"status": {"overall": {"level": "unavailable"}}}),
        (200, {"status": {"overall": {"level": "degraded"}}}),
        (200, AVAILABLE),
    ]
    alerts = {alert["id"]: alert for alert in read_alerts()}
    for id_ in alerts:
        server.answers["GET", f"/api/alerting/rule/{id_}"] = [(404, {"message": "not found"})]

    set_up_kibana(client)

    assert server.asked[3] == IMPORT
    created = [request for request in server.requests if request.path in rule_paths(alerts)]
    assert [request.method for request in created] == ["GET", "POST"] * len(alerts)
    assert all("kbn-xsrf" in request.headers for request in server.requests)
    assert all("id" not in request.document for request in created[1::2])


def test_alert_that_is_there_is_changed_and_stays_off_if_it_is(
    client: Client, server: Elastic
) -> None:
    set_up_kibana(client)

    changed = [request for request in server.requests if request.method == "PUT"]
    assert len(changed) == len(read_alerts())
    for request in changed:
        assert not request.document.keys() & {"id", "rule_type_id", "consumer", "enabled"}


def test_import_is_a_form_with_one_file(client: Client, server: Elastic) -> None:
    set_up_kibana(client)

    (form,) = [request for request in server.requests if (request.method, request.path) == IMPORT]
    assert form.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    lines = form.body.decode().split("\r\n\r\n")[1].split("\r\n")[0].splitlines()
    assert json.loads(lines[0])["type"] == "index-pattern"


def test_object_that_kibana_does_not_take_is_an_error(client: Client, server: Elastic) -> None:
    server.answers[IMPORT] = [(200, {"success": False, "errors": [{"id": "jobs-overview"}]})]

    with pytest.raises(StoreError, match="jobs-overview"):
        set_up_kibana(client)


def read_alerts() -> list[dict[str, Any]]:
    folder = Path(__file__).parents[2] / "deploy/kibana/alerts"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def rule_paths(alerts: dict[str, Any]) -> set[str]:
    return {f"/api/alerting/rule/{id_}" for id_ in alerts}
