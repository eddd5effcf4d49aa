"""Caught mails in a Maildir, so that they survive a restart and any mail program can read them."""

import email
import email.policy
import mailbox
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import getaddresses
from functools import lru_cache
from pathlib import Path

KEPT_MAILS = 1000
"""Beyond this number, the oldest are deleted: this is a development tool, not an archive."""

ENVELOPE_HEADER = "X-Envelope-To"
"""The header with the actual recipients, which the mail itself may omit (Bcc)."""

_FILE_NAME = re.compile(r"\w[\w.,:=+-]*")


@dataclass(frozen=True)
class Mail:
    """One caught mail, as the page and the API show it."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    received_at: datetime
    text: str
    html: str
    headers: tuple[tuple[str, str], ...]

    def is_to(self, address: str) -> bool:
        """Whether it went to the address, in upper or lower case."""
        return address.casefold() in (recipient.casefold() for recipient in self.recipients)


class Inbox:
    """The Maildir: stores mails, and reads them newest first."""

    def __init__(self, folder: Path, kept: int = KEPT_MAILS) -> None:
        self._kept = kept
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._maildir = mailbox.Maildir(folder, create=True)
        self._new = folder / "new"
        for part in ("cur", "new", "tmp"):
            # An empty folder made by something else (a volume) is not a Maildir yet.
            (folder / part).mkdir(exist_ok=True)

    def add(self, content: bytes, recipients: Iterable[str]) -> str:
        """Store a mail and return its id."""
        envelope = f"{ENVELOPE_HEADER}: {', '.join(recipients)}\r\n".encode()
        key = self._maildir.add(envelope + content)
        for path in self._newest_first()[self._kept :]:
            path.unlink(missing_ok=True)
        return key

    def find(self, mail_id: str) -> Mail | None:
        """Return a mail, or None if there is no mail with that id."""
        if not _FILE_NAME.fullmatch(mail_id):
            return None
        return _read(self._new / mail_id)

    def list_mails(self, limit: int | None = None) -> Iterator[Mail]:
        """Return the newest mails, newest first."""
        for path in self._newest_first()[:limit]:
            mail = _read(path)
            if mail:
                yield mail

    def find_newest_id(self) -> str | None:
        """Return the newest mail's id, which changes whenever a mail arrives."""
        paths = self._newest_first()
        return paths[0].name if paths else None

    def _newest_first(self) -> list[Path]:
        # A name starts with the second of arrival; the file's own time is more precise.
        found = []
        for path in self._new.iterdir():
            try:
                found.append((path.stat().st_mtime_ns, path.name, path))
            except FileNotFoundError:
                continue  # it was just deleted to make room for a newer one
        return [path for _, _, path in sorted(found, reverse=True)]


@lru_cache(maxsize=KEPT_MAILS)
def _parse(path: Path, mtime_ns: int) -> Mail:
    """A file never changes after it is written, so its mail can be cached."""
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    envelope = str(message[ENVELOPE_HEADER] or message["To"] or "")
    return Mail(
        id=path.name,
        sender=str(message["From"] or ""),
        recipients=tuple(address for _, address in getaddresses([envelope]) if address),
        subject=str(message["Subject"] or ""),
        received_at=datetime.fromtimestamp(mtime_ns / 1e9, UTC),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        headers=tuple((name, str(value)) for name, value in message.items()),
    )


def _read(path: Path) -> Mail | None:
    try:
        return _parse(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, UnicodeError):
        # An unknown encoding: show what can be shown.
        payload = part.get_payload(decode=True)
        return payload.decode(errors="replace") if isinstance(payload, bytes) else ""
