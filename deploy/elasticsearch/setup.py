"""Sets up Elasticsearch and Kibana; may be repeated, with the same result.

    python -m deploy.elasticsearch.setup elasticsearch URL SECRETS
    python -m deploy.elasticsearch.setup kibana URL SECRETS

SECRETS is the folder `setup` that `credentials` made. There are two verbs, because Kibana needs its
password in Elasticsearch before it starts.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.elasticsearch.client import Answer, Client, StoreError
from deploy.elasticsearch.credentials import read_passwords
from deploy.kibana.objects import as_ndjson
from project.config import Settings

HERE = Path(__file__).parent
ALERTS = HERE.parent / "kibana" / "alerts"
START_SECONDS = 300.0
"""The longest wait for a server: the first start of either takes a minute."""

# A rule's fields that are set when it is created, and cannot change later.
_ONLY_AT_CREATION = ("rule_type_id", "consumer", "enabled")
_BOUNDARY = "jobs-saved-objects"


def set_up_elasticsearch(client: Client, passwords: dict[str, str]) -> None:
    """Set up users, templates, pipelines and streams, in the order of their dependencies."""
    client.wait("/", lambda answer: answer.status == 200, START_SECONDS)
    password = {"password": passwords["kibana_system"]}
    client.ask("POST", "/_security/user/kibana_system/_password", password)
    for folder, path in (
        ("component_templates", "/_component_template/"),
        ("pipelines", "/_ingest/pipeline/"),
        ("index_templates", "/_index_template/"),
        ("security", "/_security/role/"),
    ):
        for name, body in _documents(HERE / folder):
            client.ask("PUT", path + name, body)
    writer = {"password": passwords["jobs_writer"], "roles": ["jobs_writer"]}
    client.ask("PUT", "/_security/user/jobs_writer", writer)
    for stream in list_streams(Settings()):
        _make_stream(client, stream)


def list_streams(settings: Settings) -> list[str]:
    """Streams to create before the first line, so that searches find them and no alert fails."""
    workers = [queue.role for queue in settings.job_queues.values()]
    programs = ("web", *workers, "scheduler", "flower", "mailcatcher", "rabbitmq", "unparsed")
    return [f"logs-jobs.{name}-default" for name in programs]


def set_up_kibana(client: Client) -> None:
    """Set up the data view, searches, the dashboard, and the alerts."""
    client.wait("/api/status", _is_available, START_SECONDS)
    _import_objects(client, as_ndjson())
    for _, alert in _documents(ALERTS):
        _put_alert(client, alert)


def _make_stream(client: Client, stream: str) -> None:
    answer = client.ask("PUT", f"/_data_stream/{stream}", accepted={400})
    if answer.status == 400 and "resource_already_exists" not in answer.reason:
        raise StoreError(f"{stream} cannot be created: {answer.reason}")


def _is_available(answer: Answer) -> bool:
    status = answer.document.get("status", {}) if isinstance(answer.document, dict) else {}
    return bool(status.get("overall", {}).get("level") == "available")


def _import_objects(client: Client, ndjson: str) -> None:
    answer = client.ask(
        "POST",
        "/api/saved_objects/_import?overwrite=true",
        _form(ndjson),
        content_type=f"multipart/form-data; boundary={_BOUNDARY}",
    )
    if not answer.document.get("success"):
        raise StoreError(f"Kibana did not import its objects: {answer.document.get('errors')}")


def _form(ndjson: str) -> bytes:
    """Build a form with one file, as browsers send it."""
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="jobs.ndjson"\r\n'
        "Content-Type: application/ndjson\r\n\r\n"
    )
    return f"{head}{ndjson}\r\n--{_BOUNDARY}--\r\n".encode()


def _put_alert(client: Client, alert: dict[str, Any]) -> None:
    """Create the rule, or update the existing one; a disabled rule stays disabled."""
    rule = dict(alert)
    path = f"/api/alerting/rule/{rule.pop('id')}"
    if client.ask("GET", path, accepted={404}).status == 404:
        client.ask("POST", path, rule)
    else:
        client.ask("PUT", path, {k: v for k, v in rule.items() if k not in _ONLY_AT_CREATION})


def _documents(folder: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        yield path.stem, json.loads(path.read_text())


def main() -> None:
    what, url, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    passwords = read_passwords(folder)
    login = ("elastic", passwords["elastic"])
    client = Client(url, folder / "ca.pem", login, passwords.values())
    try:
        if what == "elasticsearch":
            set_up_elasticsearch(client, passwords)
        else:
            set_up_kibana(client)
    except StoreError as error:
        sys.exit(f"{what} is not set up: {error}")


if __name__ == "__main__":
    main()
