"""The settings: one name, type, default and reader each; a wrong one refuses to start."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from project.config import DEVELOPMENT_MARK, Settings
from tests.builders import SECRETS

TABLE_ROW = re.compile(r"^\| `(JOBS_\w+)` \| (?:`([^`]*)`)? *\| (.+?) \|$", re.MULTILINE)

SECRET_VALUE = "hunter2-hunter2"


def shown(default: Any) -> str:
    """A default as the README writes it."""
    if isinstance(default, float) and default.is_integer():
        return str(int(default))
    return str(default)


def error_of(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Settings(**values)
    return str(caught.value)


def test_readme_lists_every_setting_with_its_default_and_meaning(repository: Path) -> None:
    table = {
        name: (default, meaning)
        for name, default, meaning in TABLE_ROW.findall((repository / "README.md").read_text())
    }

    assert table == {
        f"JOBS_{name.upper()}": (
            shown(field.get_default(call_default_factory=True, validated_data={"web_port": 5004})),
            field.description,
        )
        for name, field in Settings.model_fields.items()
    }


@pytest.mark.parametrize(
    ("name", "value", "extra", "library"),
    [
        ("files_url", "s3://bucket/files", "s3", "botocore"),
        ("otlp_endpoint", "http://collector:4318", "otel", "opentelemetry"),
    ],
)
def test_setting_whose_extra_is_not_installed_refuses_to_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, extra: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)

    error = error_of(**{name: value})

    assert f"JOBS_{name.upper()} needs the extra {extra}, which is not installed" in error
    assert f"deploy/requirements/{extra}.txt" in error
    assert Settings().files_url == "data/files"


def test_secrets_of_the_test_are_all_that_development_has_defaults_for() -> None:
    marked = {name for name, value in Settings() if DEVELOPMENT_MARK in str(value)}

    assert marked == SECRETS.keys()


def test_production_starts_with_secrets_of_its_own() -> None:
    assert Settings(environment="production", **SECRETS).environment == "production"


@pytest.mark.parametrize("forgotten", sorted(SECRETS))
def test_production_refuses_each_development_default(forgotten: str) -> None:
    others = {name: value for name, value in SECRETS.items() if name != forgotten}

    error = error_of(environment="production", **others)

    assert f"JOBS_{forgotten.upper()}" in error
    assert not [name for name in others if f"JOBS_{name.upper()}" in error]


def test_production_names_all_that_is_missing_at_once() -> None:
    error = error_of(environment="production")

    assert all(f"JOBS_{name.upper()}" in error for name in SECRETS)


@pytest.mark.parametrize(
    "sender",
    [
        *("", "jobs", "Jobs", "a@b, c@d", "jobs@exa mple.org"),
        *("Jobs\r\nBcc: eve@example.org <jobs@example.org>", "=?utf-8?q?a=0D=0AX?=@example.org"),
    ],
)
def test_sender_that_no_mail_can_have_is_refused_at_the_start(sender: str) -> None:
    assert "JOBS_MAIL_FROM must be an address" in error_of(mail_from=sender)


@pytest.mark.parametrize(
    "sender", ["jobs@localhost", "Doe, J <a@b.org>", "Jörg <jobs@example.org>", '"A, B" <a@b.org>']
)
def test_sender_may_have_a_name(sender: str) -> None:
    assert Settings(mail_from=sender).mail_from == sender


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("broker_url", "redis://127.0.0.1"),
        ("broker_url", "127.0.0.1:5672"),
        ("broker_url", "amqp://"),
        ("broker_url", ""),
        ("broker_url", "amqp://u:p@host:notaport/jobs"),
        ("broker_url", "amqp://u:p@host:99999/jobs"),
        ("broker_url", "amqp://u:p@[::1/jobs"),
        ("redis_url", "http://127.0.0.1"),
        ("redis_url", "redis://:p@host:x/0"),
        ("management_url", "amqp://127.0.0.1/api/"),
        ("management_url", "http://monitor:p@127.0.0.1:15672"),
        ("management_url", "http://monitor:p@127.0.0.1:15672/api"),
        ("public_url", "localhost:5004"),
        ("public_url", "javascript:alert(1)"),
        ("smtp_url", "http://127.0.0.1"),
        ("otlp_endpoint", "collector:4318"),
        ("otlp_endpoint", "grpc://collector:4317"),
        ("trace_link", "javascript:alert({trace_id})"),
        ("trace_link", "https://traces.example/"),
        ("smtp_url", "smtp://mail:smtp"),
        ("files_url", "gs://bucket/files"),
        ("files_url", "s3:///files"),
    ],
)
def test_url_that_cannot_work_is_refused_by_its_name(name: str, value: str) -> None:
    assert f"JOBS_{name.upper()}" in error_of(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("broker_url", "amqps://u:p%40ss@broker.example:5671/%2F"),
        ("redis_url", "rediss://user:p@[::1]:6380/2"),
        ("management_url", "https://m:p@broker.example/rabbit/api/"),
        ("public_url", "https://jobs.example"),
        ("smtp_url", "smtp+starttls://user:p%3A@mail.example"),
        ("smtp_url", "smtps://mail.example"),
        ("otlp_endpoint", "http://collector:4318"),
        ("otlp_endpoint", ""),
        ("trace_link", "https://traces.example/trace/{trace_id}?x=1"),
        ("trace_link", ""),
        ("files_url", "/srv/files"),
        ("files_url", "s3://bucket/files"),
    ],
)
def test_url_that_can_work_is_taken(name: str, value: str) -> None:
    assert getattr(Settings(**{name: value}), name) == value


@pytest.mark.parametrize(
    "values",
    [
        {"secret_key": SECRET_VALUE},
        {"broker_url": f"amq://jobs:{SECRET_VALUE}@host/jobs"},
        {"broker_url": f"amqp://jobs:{SECRET_VALUE}@host:port/jobs"},
        {"broker_url": f"amqp://jobs:{SECRET_VALUE}\u2100@host/jobs"},
        {"environment": SECRET_VALUE},
        {"web_port": SECRET_VALUE},
        {"environment": "production", "admin_password": SECRET_VALUE},
    ],
)
def test_error_never_shows_a_value(values: dict[str, Any]) -> None:
    assert SECRET_VALUE not in error_of(**values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("web_port", 0),
        ("web_port", 65536),
        ("web_workers", 0),
        ("secret_key", "k" * 31),
        ("submit_timeout_seconds", 0),
        ("shutdown_seconds", -1),
        ("retention_seconds", 59),
        ("max_upload_bytes", 0),
        ("log_level", "LOUD"),
        ("environment", "staging"),
    ],
)
def test_value_out_of_range_is_refused(name: str, value: Any) -> None:
    assert name in error_of(**{name: value})


def test_environment_variable_sets_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_WEB_PORT", "8080")

    assert Settings().web_port == 8080


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().web_port = 1  # type: ignore[misc]
