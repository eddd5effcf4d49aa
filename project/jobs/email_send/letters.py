"""The mails of `email.send`, one for each recipient, with attachments."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from project.errors import PermanentError
from project.file_types import TYPES
from project.kinds.mail import Mail
from project.mail_headers import MailPolicy

MOST_ATTACHED_BYTES = 25_000_000
"""Of all attachments together; base64 makes them 35 MB, and few servers accept more."""
NAME_LENGTH = 100
MOST_SUBJECT_CHARACTERS = 300
# A header must contain no control character and no line break, Unicode's own ones included.
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_POLICY = MailPolicy(cte_type="7bit")  # not every server accepts eight bits (RFC 6152)
_ALIKE = {".jpeg": ".jpg", ".jpe": ".jpg", ".htm": ".html"}
_OPEN_ENDED = {".txt", ".bin"}
"""Files with these suffixes may keep any extension in their name."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file with the name that the recipient sees."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """The mail for one recipient."""

    recipient: str
    message_id: str
    subject: str
    text: str
    html: str
    reply_to: str | None
    attachments: Sequence[Attachment]

    def compose(self) -> EmailMessage:
        """The mail without its sender, which the mail server adds from its settings."""
        message = EmailMessage(policy=_POLICY)
        message["To"] = self.recipient
        message["Subject"] = self.subject
        message["Date"] = formatdate()
        message["Message-ID"] = self.message_id
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: prevents automatic replies
        if self.reply_to:
            message["Reply-To"] = self.reply_to
        message.set_content(self.text)
        if self.html:
            message.add_alternative(self.html, subtype="html")
        for attached in self.attachments:
            kind, _, subtype = attached.content_type.partition("/")
            message.add_attachment(
                attached.content, maintype=kind, subtype=subtype, filename=attached.name
            )
        return message


def make_message_id(job_id: str, number: int, domain: str) -> str:
    """The same id for the same mail in every attempt, so that receivers recognise a copy.

    It is made from the recipient's number, because an address could be guessed from its hash.
    """
    if not job_id:
        return make_msgid(domain=domain)
    digest = hashlib.sha256(f"{job_id} {number}".encode()).hexdigest()
    return f"<{digest[:32]}@{domain}>"


def mask_addresses(text: str) -> str:
    """Shorten each address to its first letter and domain; whoever sent the mail knows the rest."""
    return re.sub(r"([^\s<>\"'():,;@])[^\s<>\"'():,;@]*(@[^\s<>\"'():,;]+)", r"\1…\2", text)


def domain_of(mail: Mail) -> str:
    """The sender's domain, or `localhost` if the setting's domain has unusual characters."""
    return mail.domain if re.fullmatch(r"[A-Za-z0-9.-]+", mail.domain) else "localhost"


def make_name(wanted: str, file_id: str, number: int) -> str:
    """A file name that is safe on every system, with the extension of the file's content."""
    suffix = file_id[file_id.index(".") :]
    plain = unicodedata.normalize("NFC", wanted).replace("\\", "/").rpartition("/")[2]
    # Control characters, and those that change the writing direction, are of category C.
    kept = "".join(
        c for c in plain if not unicodedata.category(c).startswith(("C", "Z")) or c == " "
    )
    name = re.sub(r'[<>:"|?*;]', "_", " ".join(kept.split())).strip(". ")
    stem, dot, ending = name.rpartition(".")
    has_ending = bool(dot and stem and re.fullmatch(r"[A-Za-z0-9]{1,8}", ending))
    ending = f".{ending.lower()}" if has_ending else ""
    if not name:
        return f"attachment-{number}{suffix}"
    if _ALIKE.get(ending, ending) == suffix or (has_ending and suffix in _OPEN_ENDED):
        return f"{stem[: NAME_LENGTH - len(ending)]}{ending}"
    return f"{name[: NAME_LENGTH - len(suffix)]}{suffix}"


def read_attachments(file_ids: Sequence[str], names: Sequence[str], files: Any) -> list[Attachment]:
    """Read the files, with their names if given; PermanentError if they are too large."""
    total = sum(files.size(file_id) for file_id in file_ids)
    if total > MOST_ATTACHED_BYTES:
        raise PermanentError(
            f"The attachments have {total:,} bytes in all; at most {MOST_ATTACHED_BYTES:,} are "
            "allowed: send fewer, or a link."
        )
    return [
        Attachment(
            make_name(name, file_id, number),
            TYPES.get(file_id[file_id.index(".") :], TYPES[".bin"]).media_type,
            files.path(file_id).read_bytes(),
        )
        for number, (file_id, name) in enumerate(_pairs(file_ids, names), start=1)
    ]


def _pairs(file_ids: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    return [(one, names[at] if at < len(names) else "") for at, one in enumerate(file_ids)]


def make_filler(
    template: Mapping[str, str], values: Mapping[str, Any] | None
) -> Callable[[str], Mapping[str, str]]:
    """Make a function that fills the template for an address; without values nothing is filled."""
    if values is None:
        return lambda _address: template
    # Jinja2 takes a megabyte, so it is loaded only for templates.
    from project.jobs.email_send.rendering import render  # noqa: PLC0415
    from project.jobs.email_send.templates import parse  # noqa: PLC0415

    parsed = {part: parse(part, source) for part, source in template.items()}

    def fill(address: str) -> Mapping[str, str]:
        known = {"recipient": address} | dict(values)
        return _check_subject(
            {part: render(each, known, is_html=part == "html") for part, each in parsed.items()}
        )

    return fill


def _check_subject(filled: Mapping[str, str]) -> Mapping[str, str]:
    is_line = re.fullmatch(ONE_LINE, filled["subject"])
    if not is_line or len(filled["subject"]) > MOST_SUBJECT_CHARACTERS:
        raise PermanentError(
            f"subject: it must be one line of at most {MOST_SUBJECT_CHARACTERS} characters after "
            "its values are filled in: check them."
        )
    return filled
