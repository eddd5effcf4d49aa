"""What the code of a job sees of the mail server."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from email.message import EmailMessage
from typing import Any, Protocol

from project.errors import DefinitionError


class Receipt(Protocol):
    """What a server said to a mail."""

    @property
    def outcome(self) -> str:
        """`sent`, `deferred` (to be tried later), `refused`, or `unknown` (the answer was lost)."""

    @property
    def reason(self) -> str:
        """Why it was not sent, as a sentence that names nobody."""

    @property
    def code(self) -> int:
        """Of SMTP; 0 where there was no answer."""

    @property
    def answer(self) -> str:
        """The server's own words, on a line; they may name the recipient."""


class MailLine(Protocol):
    """A connection for several mails."""

    def send(
        self, message: EmailMessage, recipient: str, when_committed: Callable[[], None]
    ) -> Receipt:
        """Hand one mail over to one recipient; the sender is the server's own.

        `when_committed` is called when the next step can no longer be taken back; where it raises,
        the mail is not sent. TemporaryError or PermanentError where there is no connection.
        """


class Mail(Protocol):
    """The mail server."""

    @property
    def domain(self) -> str:
        """The sender's."""

    def open(self) -> AbstractContextManager[MailLine]:
        """A line to it; it connects with its first mail."""


class NoMail:
    """Stands in where a job is called without a mail server."""

    def __getattr__(self, name: str) -> Any:
        raise DefinitionError(f"This context has no mail server: {name} needs one.")
