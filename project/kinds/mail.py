"""The mail server, as a job's code sees it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from email.message import EmailMessage
from typing import Any, Protocol

from project.errors import DefinitionError


class Receipt(Protocol):
    """The mail server's answer to one mail."""

    @property
    def outcome(self) -> str:
        """`sent`, `deferred` (try again later), `refused`, or `unknown` (the answer was lost)."""

    @property
    def reason(self) -> str:
        """Why it was not sent, as a sentence that contains no address."""

    @property
    def code(self) -> int:
        """The SMTP code; 0 if there was no answer."""

    @property
    def answer(self) -> str:
        """The server's own words, on one line; they may contain the recipient's address."""


class MailLine(Protocol):
    """A connection for several mails."""

    def send(
        self, message: EmailMessage, recipient: str, when_committed: Callable[[], None]
    ) -> Receipt:
        """Send one mail to one recipient; the server's settings name the sender.

        `when_committed` is called just before the step that cannot be undone; if it raises, the
        mail is not sent. Raises TemporaryError or PermanentError if it cannot connect.
        """


class Mail(Protocol):
    """The mail server."""

    @property
    def domain(self) -> str:
        """The domain of the sender's address."""

    def open(self) -> AbstractContextManager[MailLine]:
        """A connection to it, which is opened for the first mail."""


class NoMail:
    """Used when a job is called without a mail server."""

    def __getattr__(self, name: str) -> Any:
        raise DefinitionError(f"This context has no mail server, but {name} needs one.")
