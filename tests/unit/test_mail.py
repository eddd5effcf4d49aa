"""The mail server, spoken to over a real connection: its answer decides about another attempt."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from project.errors import PermanentError, TemporaryError
from project.mail import MailServer
from tests.builders import an_unused_port

SENDER = "jobs@localhost.example"
NO_TLS_HERE = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


class Postbox:
    """An SMTP server's answers, and what it was given."""

    def __init__(self, recipient: str = "250 OK", data: str = "250 OK") -> None:
        self.received: list[Any] = []
        self._answers = {"recipient": recipient, "data": data}

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds it by this name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self._answers["recipient"].startswith("2"):
            envelope.rcpt_tos.append(address)
        return self._answers["recipient"]

    async def handle_DATA(  # noqa: N802 - aiosmtpd finds it by this name
        self, _server: Any, session: Any, envelope: Any
    ) -> str:
        self.received.append((session.auth_data, envelope))
        return self._answers["data"]


@contextmanager
def listening(postbox: Postbox, **options: Any) -> Iterator[int]:
    """The port of an SMTP server that answers as the postbox says."""
    server = Controller(postbox, hostname="127.0.0.1", port=an_unused_port(), **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def a_mail(recipient: str = "ada@example.org") -> EmailMessage:
    message = EmailMessage()
    message["To"] = recipient
    message["Subject"] = "Hello"
    message.set_content("Grüße\n")
    return message


def send(port: int, message: EmailMessage | None = None, login: str = "") -> None:
    MailServer(f"smtp://{login}127.0.0.1:{port}", SENDER).send(message or a_mail())


def test_mail_arrives_with_our_sender() -> None:
    postbox = Postbox()

    with listening(postbox) as port:
        send(port)

    ((_, envelope),) = postbox.received
    assert envelope.mail_from == SENDER
    assert envelope.rcpt_tos == ["ada@example.org"]
    assert b"From: jobs@localhost.example" in envelope.content


@pytest.mark.parametrize("step", ["recipient", "data"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("451 Try again later", TemporaryError),
        ("421 Too busy", TemporaryError),
        ("452 Mailbox full", TemporaryError),
        ("550 No such user", PermanentError),
        ("554 Refused", PermanentError),
    ],
)
def test_servers_code_decides_about_another_attempt(
    step: str, answer: str, error: type[Exception]
) -> None:
    with listening(Postbox(**{step: answer})) as port, pytest.raises(error, match=answer[:3]):
        send(port)


@pytest.mark.parametrize("answer", ["451 Try again, ada@example.org", "550 No ada@example.org"])
def test_refusal_does_not_repeat_the_address(answer: str) -> None:
    """The error goes to logs with its whole chain; an address has no place there."""
    with (
        listening(Postbox(recipient=answer)) as port,
        pytest.raises((TemporaryError, PermanentError)) as caught,
    ):
        send(port)

    assert "ada@" not in "".join(traceback.format_exception(caught.value))


def test_refused_connection_is_worth_another_attempt() -> None:
    with pytest.raises(TemporaryError, match="does not answer"):
        send(an_unused_port())


def test_unknown_host_is_worth_another_attempt() -> None:
    with pytest.raises(TemporaryError):
        MailServer("smtp://mail.invalid:25", SENDER).send(a_mail())


def test_server_that_cannot_take_the_address_is_not_asked_again() -> None:
    """An address outside ASCII needs SMTPUTF8 (RFC 6531); a server without it never takes it."""
    with (
        listening(Postbox(), enable_SMTPUTF8=False) as port,
        pytest.raises(PermanentError),
    ):
        send(port, a_mail("ädä@example.org"))


def test_address_outside_ascii_is_sent_where_the_server_can() -> None:
    postbox = Postbox()

    with listening(postbox, enable_SMTPUTF8=True) as port:
        send(port, a_mail("ädä@example.org"))

    assert postbox.received[0][1].rcpt_tos == ["ädä@example.org"]


def _authenticator(*expected: bytes) -> Callable[..., AuthResult]:
    def authenticate(*args: Any) -> AuthResult:
        given = args[-1]
        assert isinstance(given, LoginPassword)
        is_right = (given.login, given.password) == expected
        return AuthResult(success=is_right, handled=False, auth_data=given)

    return authenticate


@NO_TLS_HERE
def test_login_of_the_url_is_used_decoded() -> None:
    postbox = Postbox()
    options = {
        "authenticator": _authenticator(b"user@jobs", b"p/ss:word"),
        "auth_required": True,
        "auth_require_tls": False,
    }

    with listening(postbox, **options) as port:
        send(port, login="user%40jobs:p%2Fss%3Aword@")

    assert postbox.received[0][0].login == b"user@jobs"


@NO_TLS_HERE
def test_wrong_login_is_not_tried_again() -> None:
    options = {
        "authenticator": _authenticator(b"user", b"right"),
        "auth_required": True,
        "auth_require_tls": False,
    }

    login = "user:guess@"
    with listening(Postbox(), **options) as port, pytest.raises(PermanentError) as caught:
        send(port, login=login)

    assert "guess" not in "".join(traceback.format_exception(caught.value))


def test_server_without_tls_is_no_starttls_server() -> None:
    with listening(Postbox()) as port, pytest.raises(PermanentError):
        MailServer(f"smtp+starttls://127.0.0.1:{port}", SENDER).send(a_mail())


def test_mail_may_be_sent_again_after_a_failure() -> None:
    """Another attempt makes a new message, but nothing forbids the same one."""
    message, postbox = a_mail(), Postbox()
    with pytest.raises(TemporaryError):
        send(an_unused_port(), message)

    with listening(postbox) as port:
        send(port, message)

    assert len(postbox.received) == 1
