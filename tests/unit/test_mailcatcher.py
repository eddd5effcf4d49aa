"""The mail catcher: what comes in is kept, found and shown, and can do no harm."""

import os
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from deploy.mailcatcher.inbox import Inbox
from deploy.mailcatcher.page import create_page


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "mail")


@pytest.fixture
def client(inbox: Inbox) -> FlaskClient:
    return create_page(inbox).test_client()


def mail(subject: str = "Hello", text: str = "Some text\n", html: str = "") -> bytes:
    """A mail as it comes over SMTP."""
    message = EmailMessage()
    message["From"] = "jobs@example.org"
    message["To"] = "Ada <ada@example.org>"
    message["Subject"] = subject
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes().replace(b"\n", b"\r\n")


def test_mail_is_shown_as_it_was_sent(inbox: Inbox) -> None:
    mail_id = inbox.add(mail("Grüße", "Zeile eins\nZeile zwei\n"), ["ada@example.org"])
    found = inbox.find(mail_id)
    assert found is not None
    assert (found.sender, found.subject) == ("jobs@example.org", "Grüße")
    assert found.text == "Zeile eins\nZeile zwei\n"


def test_newest_mail_comes_first(inbox: Inbox, tmp_path: Path) -> None:
    ids = [inbox.add(mail(), ["ada@example.org"]) for _ in range(3)]
    for second, mail_id in enumerate(ids):
        os.utime(tmp_path / "mail" / "new" / mail_id, (second, second))
    assert [found.id for found in inbox.list_mails()] == list(reversed(ids))
    assert inbox.find_newest_id() == ids[-1]


def test_mails_survive_a_restart(inbox: Inbox, tmp_path: Path) -> None:
    mail_id = inbox.add(mail(), ["ada@example.org"])
    assert Inbox(tmp_path / "mail").find(mail_id) is not None


def test_oldest_mails_make_room(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "mail", kept=2)
    for number in range(4):
        inbox.add(mail(f"number {number}"), ["ada@example.org"])
    assert len(list(inbox.list_mails())) == 2


@pytest.mark.parametrize("address", ["ada@example.org", "ADA@example.org", "hidden@example.org"])
def test_mail_is_found_by_everyone_it_went_to(
    inbox: Inbox, client: FlaskClient, address: str
) -> None:
    inbox.add(mail(), ["ada@example.org", "hidden@example.org"])
    inbox.add(mail(), ["other@example.org"])
    (found,) = client.get("/api/messages", query_string={"to": address}).get_json()
    assert found["to"] == ["ada@example.org", "hidden@example.org"]


def test_mail_in_an_unknown_encoding_is_shown_all_the_same(inbox: Inbox) -> None:
    raw = b"Subject: x\r\nContent-Type: text/plain; charset=nobody-knows\r\n\r\nHello\r\n"
    found = inbox.find(inbox.add(raw, ["ada@example.org"]))
    assert found is not None
    assert "Hello" in found.text


def test_text_of_a_mail_stays_text_and_its_links_can_be_followed(
    inbox: Inbox, client: FlaskClient
) -> None:
    text = "<script>alert(1)</script> http://localhost:5004/confirm/a.b-c\n"
    mail_id = inbox.add(mail("<b>bold</b>", text), ["ada@example.org"])
    page = client.get(f"/messages/{mail_id}").text
    assert "<script>alert" not in page
    assert "<b>bold" not in page
    assert 'href="http://localhost:5004/confirm/a.b-c"' in page


def test_html_of_a_mail_runs_nothing(inbox: Inbox, client: FlaskClient) -> None:
    mail_id = inbox.add(mail(html="<script>alert(1)</script>"), ["ada@example.org"])
    policy = client.get(f"/messages/{mail_id}/html").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize("mail_id", ["nobody", "..", "../../secret", ".hidden", "%2e%2e"])
def test_id_that_is_none_is_not_found(client: FlaskClient, mail_id: str) -> None:
    assert client.get(f"/messages/{mail_id}").status_code == 404


def test_empty_inbox_says_so(client: FlaskClient) -> None:
    assert "No mail yet" in client.get("/").text
    assert client.get("/api/messages").get_json() == []
    assert client.get("/healthz").status_code == 200
