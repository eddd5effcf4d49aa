"""The mail server: takes one message at a time over SMTP."""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from project.errors import PermanentError, TemporaryError

_TIMEOUT_SECONDS = 15
_DEFAULT_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server by URL: `smtp://`, `smtps://` or `smtp+starttls://user:password@host:port`."""

    url: str
    sender: str

    def send(self, message: EmailMessage) -> None:
        """Hand one message over; TemporaryError where trying again may help."""
        del message["From"]  # a message that is sent once more has it already
        message["From"] = self.sender
        # The refusals are not chained to their causes: those name the person, and go to the logs.
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            raise _as_error(min(codes), "refused the recipient") from None
        except smtplib.SMTPResponseException as error:
            raise _as_error(error.smtp_code, "refused the message") from None
        except smtplib.SMTPNotSupportedError as error:
            raise PermanentError(f"The mail server cannot do what is needed: {error}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise TemporaryError("The mail server does not answer.") from error

    def _connect(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
        server: smtplib.SMTP
        if parts.scheme == "smtps":
            context = ssl.create_default_context()
            server = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
        try:
            if parts.scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
        except BaseException:
            server.close()
            raise
        return server


def _as_error(code: int, what: str) -> TemporaryError | PermanentError:
    """SMTP's own rule (RFC 5321, 4.2.1): 4yz may pass, 5yz stays."""
    message = f"The mail server {what} (code {code})."
    return TemporaryError(message) if 400 <= code < 500 else PermanentError(message)
