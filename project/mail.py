"""The mail server: sends mails over SMTP, one recipient per mail, and returns each outcome.

By SMTP (RFC 5321, 4.1.1.4 and 6.1) a server is responsible for a mail once it has answered 250 to
the dot that ends it. Before the dot it has accepted nothing. Between the dot and the answer only
the server knows. So `send` calls the caller back just before the dot, and reports a lost answer
apart from all other errors.
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.generator import BytesGenerator
from email.message import EmailMessage
from enum import StrEnum
from io import BytesIO
from typing import Self
from urllib.parse import unquote, urlsplit

from project.errors import PermanentError, TemporaryError
from project.mail_headers import MailPolicy, split_mailbox

ANSWER_SECONDS = 30
"""How long to wait for the answer to a command."""
REPLY_SECONDS = 120
"""How long to wait for the answer to the whole mail, which a server may scan for viruses. RFC 5321
asks for ten minutes, lest a mail be sent twice; the outcome `unknown` makes that unnecessary."""
ANSWER_LENGTH = 200
_DEFAULT_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_SHUTTING_DOWN = 421
_POLICY = MailPolicy()
_MAILBOXES = {"From", "Reply-To", "To"}
"""Headers that contain an address, maybe with a person's name."""


class Outcome(StrEnum):
    """The outcome of one mail."""

    SENT = "sent"
    """The server has accepted it and is responsible for it."""
    DEFERRED = "deferred"
    """The server did not accept it now, but may later."""
    REFUSED = "refused"
    """The server will never accept it."""
    UNKNOWN = "unknown"
    """The whole mail was sent, and the answer was lost."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The server's answer to one mail. `reason` is a sentence that contains no address."""

    outcome: Outcome
    reason: str = ""
    code: int = 0
    """The SMTP code; 0 if there was no answer."""
    answer: str = ""
    """The server's own words, on one line; they may contain the recipient's address."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server by URL: `smtp://`, `smtps://` or `smtp+starttls://user:password@host:port`."""

    url: str
    sender: str
    make_tls: Callable[[], ssl.SSLContext] = ssl.create_default_context

    @property
    def domain(self) -> str:
        """The domain of the sender's address."""
        return split_mailbox(self.sender)[1].rpartition("@")[2]

    @contextmanager
    def open(self) -> Iterator["MailLine"]:
        """A connection to the server, which is opened for the first mail."""
        line = MailLine(self)
        try:
            yield line
        finally:
            line.close()

    def connect(self) -> smtplib.SMTP:
        """Connect and log in; TemporaryError or PermanentError if that fails."""
        # Causes are not chained: they may name a person, and errors go to the logs.
        try:
            return self._connect()
        except smtplib.SMTPAuthenticationError as error:
            raise _as_error(error.smtp_code, "refused the login") from None
        except smtplib.SMTPResponseException as error:
            raise _as_error(error.smtp_code, "refused the connection") from None
        except smtplib.SMTPNotSupportedError as error:
            raise PermanentError(f"The mail server lacks a needed feature: {error}") from None
        except ssl.SSLCertVerificationError as error:
            raise TemporaryError(
                f"The mail server's certificate is not trusted: {error.verify_message}."
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise TemporaryError("The mail server does not answer.") from error

    def _connect(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
        server: smtplib.SMTP
        if parts.scheme == "smtps":
            tls = self.make_tls()
            server = smtplib.SMTP_SSL(host, port, timeout=ANSWER_SECONDS, context=tls)
        else:
            server = smtplib.SMTP(host, port, timeout=ANSWER_SECONDS)
        try:
            if parts.scheme == "smtp+starttls":
                server.starttls(context=self.make_tls())
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
        return server


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A mail in the form that SMTP needs."""

    sender: str
    recipient: str
    content: bytes
    needs_utf8: bool
    """A non-ASCII local part needs SMTPUTF8 (RFC 6531); everything else can be encoded."""

    @classmethod
    def of(cls, message: EmailMessage, recipient: str) -> Self:
        for name in _MAILBOXES & {each.title() for each in message}:
            message.replace_header(name, encode_domain(str(message[name])))
        recipient = encode_domain(recipient)
        sender, *shown = (split_mailbox(str(message[name] or ""))[1] for name in sorted(_MAILBOXES))
        needs_utf8 = not all(address.isascii() for address in (recipient, sender, *shown))
        return cls(sender, recipient, _as_lines(message, needs_utf8), needs_utf8)


class MailLine:
    """A connection for several mails; it reconnects if the server has closed it."""

    def __init__(self, host: MailServer) -> None:
        self._host = host
        self._server: smtplib.SMTP | None = None

    def send(
        self, message: EmailMessage, recipient: str, when_committed: Callable[[], None]
    ) -> Receipt:
        """Send one mail to one recipient.

        `when_committed` is called once the server has all of the mail except the final dot; if it
        raises, the mail is not sent. Raises TemporaryError or PermanentError if it cannot connect.
        """
        del message["From"]  # a message that is sent again has one already
        message["From"] = self._host.sender
        parcel = _Parcel.of(message, recipient)
        if self._server is not None:
            receipt = self._attempt(self._server, parcel, when_committed)
            was_closed = self._server is None and receipt.outcome is Outcome.DEFERRED
            if not was_closed:  # servers close a connection after some number of mails
                return receipt
        self._server = self._host.connect()
        return self._attempt(self._server, parcel, when_committed)

    def close(self) -> None:
        """Quit and close the connection, if it is open."""
        if self._server is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._server.quit()
        self._drop()

    def _attempt(
        self, server: smtplib.SMTP, parcel: "_Parcel", when_committed: Callable[[], None]
    ) -> Receipt:
        try:
            if refusal := self._announce(server, parcel):
                return refusal
            server.send(parcel.content)
        except smtplib.SMTPNotSupportedError as error:
            return Receipt(
                Outcome.REFUSED, f"The mail server lacks a needed feature: {error.args[0]}"
            )
        except (smtplib.SMTPException, OSError):
            self._drop()
            return Receipt(Outcome.DEFERRED, "The mail server closed the connection.")
        try:
            when_committed()
        except BaseException:
            self._drop()  # without the dot nothing is sent
            raise
        return self._finish(server)

    def _announce(self, server: smtplib.SMTP, parcel: "_Parcel") -> Receipt | None:
        """Send MAIL, RCPT and DATA; returns a receipt if the server refuses one of them."""
        options = ["SMTPUTF8", "BODY=8BITMIME"] if parcel.needs_utf8 else []
        if server.has_extn("size"):
            options.append(f"size={len(parcel.content)}")
        code, answer = server.mail(parcel.sender, options)
        if code != 250:
            return self._refuse(server, code, answer, "sender")
        code, answer = server.rcpt(parcel.recipient)
        if code not in {250, 251}:
            return self._refuse(server, code, answer, "recipient")
        code, answer = server.docmd("DATA")
        if code != 354:
            return self._refuse(server, code, answer, "message")
        return None

    def _finish(self, server: smtplib.SMTP) -> Receipt:
        """End the mail with the dot and read the server's answer."""
        try:
            if server.sock:
                server.sock.settimeout(REPLY_SECONDS)
            server.send(b".\r\n")
            code, answer = server.getreply()
            if server.sock:
                server.sock.settimeout(ANSWER_SECONDS)
        except (smtplib.SMTPException, OSError):
            self._drop()
            return Receipt(
                Outcome.UNKNOWN,
                "The connection was lost after the whole mail was sent: "
                "only the mail server knows whether it has accepted it.",
            )
        if code != 250:
            return self._refuse(server, code, answer, "message")
        return Receipt(Outcome.SENT, code=code, answer=_as_line(answer))

    def _refuse(self, server: smtplib.SMTP, code: int, answer: bytes, what: str) -> Receipt:
        """The receipt for a refusal; resets the connection for the next mail."""
        is_temporary = _is_temporary(code)
        try:
            if code == _SHUTTING_DOWN or server.rset()[0] != 250:
                self._drop()
        except (smtplib.SMTPException, OSError):
            self._drop()
        return Receipt(
            Outcome.DEFERRED if is_temporary else Outcome.REFUSED,
            f"The mail server refused the {what} (code {code}).",
            code,
            _as_line(answer),
        )

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def encode_domain(mailbox: str) -> str:
    """The mailbox with its domain in ASCII (RFC 5891), which every mail server accepts.

    An address with a non-ASCII local part stays as it is, because the server must support SMTPUTF8
    for it anyway. So does a domain that IDNA refuses.
    """
    address = split_mailbox(mailbox)[1]
    local, _, domain = address.rpartition("@")
    if not local.isascii() or domain.isascii():
        return mailbox
    import idna  # noqa: PLC0415  # large tables that few addresses need

    try:
        encoded = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return mailbox
    before, _, behind = mailbox.rpartition(address)
    return f"{before}{local}@{encoded}{behind}"


def _is_temporary(code: int) -> bool:
    """By RFC 5321, 4.2.1, 4yz is temporary, 5yz permanent. smtplib's -1 means no answer."""
    return 400 <= code < 500 or code < 0


def _as_error(code: int, what: str) -> TemporaryError | PermanentError:
    message = f"The mail server {what} (code {code})."
    return TemporaryError(message) if _is_temporary(code) else PermanentError(message)


def _as_lines(message: EmailMessage, needs_utf8: bool) -> bytes:
    """The mail as SMTP sends it: with CRLF, and dots at the beginning of a line doubled."""
    buffer = BytesIO()
    BytesGenerator(buffer, policy=_POLICY.clone(utf8=needs_utf8)).flatten(message)
    content = buffer.getvalue()
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", content)


def _as_line(answer: bytes) -> str:
    """A server's words on one line, without control characters."""
    text = answer.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:ANSWER_LENGTH]
