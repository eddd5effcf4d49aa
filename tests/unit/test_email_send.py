"""`email.send`, called as a plain function: what is handed to the mail server."""

import traceback
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from project.errors import InvalidInputError, TemporaryError
from project.jobs import get_kind
from project.jobs.definition import Context

KIND = get_kind("email.send")
MAIL = {
    "recipient": "ada@example.org",
    "subject": "Confirm your e-mail address",
    "text": "Open this link:\n\nhttp://localhost:5004/confirm/token\n",
    "html": "<p>Open <a href='http://localhost:5004/confirm/token'>this link</a></p>",
}


def sent(**changes: Any) -> EmailMessage:
    """The mail that the job hands over, as its receiver reads it."""
    outbox: list[EmailMessage] = []
    KIND.run(KIND.parse({**MAIL, **changes}), Context(send_mail=outbox.append))
    (message,) = outbox
    received = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert isinstance(received, EmailMessage)
    return received


def body_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_mail_goes_to_the_recipient_with_its_subject() -> None:
    message = sent()

    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Confirm your e-mail address"


def test_mail_is_text_with_html_as_the_alternative() -> None:
    message = sent()

    assert message.get_content_type() == "multipart/alternative"
    assert body_of(message, "plain") == MAIL["text"]
    assert body_of(message, "html").strip() == MAIL["html"]


def test_mail_without_html_is_plain_text() -> None:
    assert sent(html="").get_content_type() == "text/plain"


def test_other_alphabets_arrive_whole() -> None:
    message = sent(subject="Größe ☕ 確認", text="Привет\n")

    assert message["Subject"] == "Größe ☕ 確認"
    assert body_of(message, "plain") == "Привет\n"


def test_long_link_is_not_broken() -> None:
    link = "http://localhost:5004/confirm/" + "x" * 900

    assert link in body_of(sent(text=f"{link}\n"), "plain")


def test_mail_has_a_date_and_an_id_that_the_result_names() -> None:
    outbox: list[EmailMessage] = []

    result = KIND.run(KIND.parse(MAIL), Context(send_mail=outbox.append))

    assert result == {"message_id": outbox[0]["Message-ID"]}
    assert parsedate_to_datetime(outbox[0]["Date"]).year >= 2026


@pytest.mark.parametrize(
    "recipient",
    [
        "ada@example.org\nBcc: eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org, eve@example.org",
        "ada@example.org;eve@example.org",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "",
        None,
    ],
)
def test_recipient_that_is_not_one_address_is_refused(recipient: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        KIND.parse({**MAIL, "recipient": recipient})

    assert caught.value.field == "recipient"


@pytest.mark.parametrize(
    "separator", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"]
)
def test_subject_with_any_kind_of_line_break_is_refused(separator: str) -> None:
    """Python's mail headers refuse all of these; a job that is accepted must not fail on them."""
    with pytest.raises(InvalidInputError) as caught:
        KIND.parse({**MAIL, "subject": f"Hello{separator}Bcc: eve@example.org"})

    assert caught.value.field == "subject"


@pytest.mark.parametrize("subject", ["", "x" * 201, "nul\x00", "\x1b[31m", "bell\x07"])
def test_subject_that_no_header_can_hold_is_refused(subject: str) -> None:
    with pytest.raises(InvalidInputError):
        KIND.parse({**MAIL, "subject": subject})


@pytest.mark.parametrize(("field", "length"), [("text", 50_001), ("html", 200_001), ("text", 0)])
def test_body_of_no_or_too_many_characters_is_refused(field: str, length: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        KIND.parse({**MAIL, field: "x" * length})

    assert caught.value.field == field


def test_trouble_of_the_mail_server_is_the_jobs_trouble() -> None:
    def fail(_message: EmailMessage) -> None:
        raise TemporaryError("The mail server does not answer.")

    with pytest.raises(TemporaryError):
        KIND.run(KIND.parse(MAIL), Context(send_mail=fail))


def test_refused_parameters_are_not_repeated_by_the_error() -> None:
    """The error goes to logs with its whole chain; an address has no place there."""
    parameters = {**MAIL, "recipient": "ada@@example.org"}

    with pytest.raises(InvalidInputError) as caught:
        KIND.parse(parameters)

    assert "ada" not in "".join(traceback.format_exception(caught.value))
