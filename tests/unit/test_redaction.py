"""What never enters a line, and what must stay readable."""

import pytest

from project.observability.redaction import HIDDEN, TEXT_LIMIT, Redactor

SECRET = "s3cr3t-value"

redactor = Redactor("the key of this test")


@pytest.mark.parametrize(
    "text",
    [
        f"amqp://jobs:{SECRET}@broker:5672/jobs refused",
        f"redis://:{SECRET}@127.0.0.1:6379/0",
        f"Error handling request /jobs?{SECRET}",
        f"Error handling request /jobs?name={SECRET}&page=2",
        f"GET https://example.org/search?q={SECRET} failed",
        f"GET https://example.org?q={SECRET} failed",
        f"GET /confirm/{SECRET} HTTP/1.1",
        f"Authorization: Bearer {SECRET}",
        f"Proxy-Authorization: Basic {SECRET}=",
        f"password={SECRET}",
        f"db_password: '{SECRET} with blanks'",
        f'{{"api_key": "{SECRET}"}}',
        f"Cookie: session={SECRET}",
        f"token={SECRET};next",
    ],
)
def test_secret_is_taken_out_of_a_text(text: str) -> None:
    assert SECRET not in redactor.text(text)


@pytest.mark.parametrize(
    "address", ["ada@example.org", "ada.lovelace+jobs@mail.example.co.uk", "ADA@EXAMPLE.ORG"]
)
def test_mail_address_is_replaced_by_a_hash(address: str) -> None:
    text = redactor.text(f"To: <{address}>, refused")

    assert address.partition("@")[0] not in text
    assert text == f"To: <mail:{redactor.hash(address)}>, refused"


@pytest.mark.parametrize(
    "text",
    [
        "Booting worker with pid: 7",
        "Connected to amqp://jobs:**@127.0.0.1:5672/jobs",
        "Error 111 connecting to localhost:6379. Connection refused.",
        "Job 2f0c is still run by short@host: 3 s",
        "Why? Nobody knows.",
        "/api/v1/jobs/2f0c/events",
        '  File "/app/project/worker/app.py", line 3, in run',
    ],
)
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert redactor.text(text).replace("***@", "jobs:**@") == text


@pytest.mark.parametrize(
    "name",
    ["password", "smtp_password", "apiKey", "X-Auth-Token", "Cookie", "parameters", "args", "body"],
)
def test_field_of_a_telling_name_is_hidden(name: str) -> None:
    assert redactor.field(name, {"any": SECRET}) == HIDDEN


@pytest.mark.parametrize("name", ["email", "recipient", "owner", "user"])
def test_personal_field_is_hashed_so_that_lines_can_be_joined(name: str) -> None:
    assert redactor.field(name, "ada@example.org") == redactor.hash("Ada@example.org")


def test_hash_tells_nothing_without_the_key() -> None:
    assert Redactor("another").hash("ada@example.org") != redactor.hash("ada@example.org")


@pytest.mark.parametrize("name", ["pages", "text_length", "database", "queue_depth"])
def test_other_field_stays(name: str) -> None:
    assert redactor.field(name, 12) == "12"


def test_very_long_text_keeps_its_begin_and_its_end() -> None:
    text = redactor.text("begin" + "x" * 10 * TEXT_LIMIT + "end")

    assert len(text) < TEXT_LIMIT + 10
    assert len(redactor.field("note", "x" * 2000)) <= 1024
    assert text.startswith("begin")
    assert text.endswith("end")
