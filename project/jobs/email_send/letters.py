"""The mails of `email.send`: what each recipient gets, with attachments."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from project.errors import PermanentError
from project.kinds.mail import Mail
from project.mail_headers import MailPolicy

MOST_ATTACHED_BYTES = 25_000_000
"""Of all attachments together; by base64 they become 35 MB, and few servers take more."""
NAME_LENGTH = 100
MOST_SUBJECT_CHARACTERS = 300
# A header may hold no control character and no line break, those that only Unicode knows included.
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_POLICY = MailPolicy(cte_type="7bit")  # not every server takes eight bits (RFC 6152)
_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".html": "text/html",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".json": "application/json",
    ".xml": "application/xml",
    ".parquet": "application/vnd.apache.parquet",
}
"""By the suffix of a file's id, which is what its bytes are; all others are plain data."""
_ALIKE = {".jpeg": ".jpg", ".jpe": ".jpg", ".htm": ".html"}
_OPEN_ENDED = {".txt", ".bin"}
"""Text and data come with endings of all kinds."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file with the name that the recipient sees."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """What one recipient gets."""

    recipient: str
    message_id: str
    subject: str
    text: str
    html: str
    reply_to: str | None
    attachments: Sequence[Attachment]

    def compose(self) -> EmailMessage:
        """The mail, but for its sender, which the mail server's settings know."""
        message = EmailMessage(policy=_POLICY)
        message["To"] = self.recipient
        message["Subject"] = self.subject
        message["Date"] = formatdate()
        message["Message-ID"] = self.message_id
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday note comes back
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
    """The same for the same mail in every attempt, so that a receiver knows a copy for one.

    The recipient's number stands for the address, which nobody is to guess from a hash.
    """
    if not job_id:
        return make_msgid(domain=domain)
    digest = hashlib.sha256(f"{job_id} {number}".encode()).hexdigest()
    return f"<{digest[:32]}@{domain}>"


def mask_addresses(text: str) -> str:
    """With the first letter of each address alone: who sent the mail knows the rest."""
    return re.sub(r"([^\s<>\"'():,;@])[^\s<>\"'():,;@]*(@[^\s<>\"'():,;]+)", r"\1…\2", text)


def domain_of(mail: Mail) -> str:
    """The sender's; letters and digits only, whatever a setting says."""
    return mail.domain if re.fullmatch(r"[A-Za-z0-9.-]+", mail.domain) else "localhost"


def make_name(wanted: str, file_id: str, number: int) -> str:
    """A file's name that is safe on every system, and whose ending is that of its content."""
    suffix = file_id[file_id.index(".") :]
    plain = unicodedata.normalize("NFC", wanted).replace("\\", "/").rpartition("/")[2]
    # Control characters, and those that turn the direction of writing, are of category C.
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
    """The files, with the names for them as far as there are some; PermanentError: too large."""
    total = sum(files.size(file_id) for file_id in file_ids)
    if total > MOST_ATTACHED_BYTES:
        raise PermanentError(
            f"The attachments have {total:,} bytes; a mail takes {MOST_ATTACHED_BYTES:,} in all: "
            "send fewer, or a link."
        )
    return [
        Attachment(
            make_name(name, file_id, number),
            _TYPES.get(file_id[file_id.index(".") :], "application/octet-stream"),
            files.path(file_id).read_bytes(),
        )
        for number, (file_id, name) in enumerate(_pairs(file_ids, names), start=1)
    ]


def _pairs(file_ids: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    return [(one, names[at] if at < len(names) else "") for at, one in enumerate(file_ids)]


def make_filler(
    template: Mapping[str, str], values: Mapping[str, Any] | None
) -> Callable[[str], Mapping[str, str]]:
    """Gives subject, text and HTML for an address; without any values they are what they are."""
    if values is None:
        return lambda _address: template
    # Jinja2 takes a megabyte: only where there are templates.
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
            f"subject: it must be one line of {MOST_SUBJECT_CHARACTERS} characters at the most "
            "once it is made: look at the values in it."
        )
    return filled
