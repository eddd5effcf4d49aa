"""What never enters a line, and what must stay readable."""

import random
from collections.abc import Callable

import pytest

from project.observability.redaction import _ASSIGNED, _SCHEME, HIDDEN, TEXT_LIMIT, Redactor

SECRET = "s3cr3t-value"
PIECES = [
    *("passw", "PassWord", "secret", "ſecret", "token", "toKen", "api", "_", "key", "API_KEY"),
    *("authorization", "authorİzation", "cookıe", "Cookie", "credential", "signature", "private"),
    *("bearer", "Basic", "baſic", "=", ": ", " ", "'", '"', ";", "x", "ü", "abcdef123456"),
]

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


@pytest.mark.parametrize("name", ["passw", "secret", "token", "apikey", "api_key", "cookie"])
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title, lambda name: f"my_{name}"])
@pytest.mark.parametrize("rest", ["", " — ü"])
def test_secret_is_taken_out_however_its_name_is_spelt(
    name: str, spell: Callable[[str], str], rest: str
) -> None:
    assert SECRET not in redactor.text(f"{spell(name)}={SECRET}{rest}")


@pytest.mark.parametrize("name", ["ſecret", "toKen", "authorızation", "authorİzation", "cookİe"])
def test_secret_is_taken_out_where_its_name_has_another_alphabets_letter(name: str) -> None:
    """A pattern without case takes these for an s, a k and an i."""
    assert SECRET not in redactor.text(f"{name}={SECRET}")


@pytest.mark.parametrize("scheme", ["bearer", "BASIC", "Bearer", "baſic"])
def test_secret_is_taken_out_after_its_scheme(scheme: str) -> None:
    assert SECRET not in redactor.text(f"sent {scheme} {SECRET}")


def test_words_by_which_a_text_is_searched_miss_nothing_that_the_patterns_would_find() -> None:
    """Made up of pieces, as a text would be that nobody has thought of."""
    pieces = random.Random(7)  # noqa: S311 - the same texts each time
    for _ in range(5_000):
        text = "".join(pieces.choices(PIECES, k=8))
        searched = _ASSIGNED.sub(r"\1\2***", _SCHEME.sub(r"\1 ***", text))
        assert redactor.text(text) == searched


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
        "short@host is still running job 2f0c: 3 s",
        "Why? Nobody knows.",
        "/api/v1/jobs/2f0c/events",
        '  File "/app/project/worker/app", line 3, in run',
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
