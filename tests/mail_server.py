"""An SMTP server in the test's own process, which answers as the test says, with TLS or without."""

import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.builders import an_unused_port

DROPPED = "drop"
"""An answer: none at all, and the connection ends."""


@dataclass
class MailRoom:
    """What the server was given, and what it answers for whom; else it takes everything."""

    received: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    logins: list[str] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    _recipient: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _data: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def answer_recipient(self, address: str, *answers: str) -> None:
        """Answer RCPT so the next times."""
        self._recipient[address] += answers

    def answer_mail(self, address: str, *answers: str) -> None:
        """Answer the whole mail so the next times; where it is dropped, it was taken before."""
        self._data[address] += answers

    def message(self, address: str) -> EmailMessage:
        """The only mail to that address, as its receiver reads it."""
        (content,) = self.received[address]
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds it by this name
        self, server: Any, session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        self.connections.add(id(session))
        answer = self._recipient[address].pop(0) if self._recipient[address] else "250 OK"
        if answer == DROPPED:
            server.transport.abort()
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd finds it by this name
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        (address,) = envelope.rcpt_tos
        answer = self._data[address].pop(0) if self._data[address] else "250 OK: queued as 7"
        if answer == DROPPED:
            server.transport.abort()
        if answer == DROPPED or answer.startswith("2"):
            self.received[address].append(envelope.original_content)
            self.logins += [session.auth_data.login.decode()] if session.auth_data else []
        return answer


@contextmanager
def listening(room: MailRoom, **options: Any) -> Iterator[int]:
    """The port of an SMTP server that answers as the room says."""
    server = Controller(room, hostname="127.0.0.1", port=an_unused_port(), **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def logging_in(login: str, password: str) -> dict[str, Any]:
    """Options of a server that wants this login."""

    def authenticate(*args: Any) -> AuthResult:
        given = args[-1]
        assert isinstance(given, LoginPassword)
        is_right = (given.login, given.password) == (login.encode(), password.encode())
        return AuthResult(success=is_right, handled=False, auth_data=given)

    return {"authenticator": authenticate, "auth_required": True}


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def server_tls() -> ssl.SSLContext:
    """A certificate for 127.0.0.1, of an authority of the tests' own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert("127.0.0.1").configure_cert(context)
    return context


def trusting_tls() -> Callable[[], ssl.SSLContext]:
    """Makes what a client needs that trusts this authority."""

    def make() -> ssl.SSLContext:
        context = ssl.create_default_context()
        _authority().configure_trust(context)
        return context

    return make
