"""What a person does outside the page: read the mail, and follow old links."""

import re
import time
from email import message_from_bytes, policy
from email.message import EmailMessage

import requests
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from project.config import Settings
from tests.waiting import wait_until


def confirmation_link(inbox_url: str, email: str) -> str:
    """The link in the mail that the catcher has for this address, as soon as it has one."""

    def find() -> str | None:
        mails = requests.get(f"{inbox_url}/api/messages", params={"to": email}, timeout=10).json()
        links = [re.search(r"https?://\S+/confirm/\S+", mail["text"]) for mail in mails]
        return next((link.group() for link in links if link), None)

    link = wait_until(find, 30, f"a mail to {email}")
    assert link is not None
    return link


def caught_mail(inbox_url: str, email: str) -> EmailMessage:
    """The mail to this address, whole, from the catcher's folder."""

    def find() -> str | None:
        mails = requests.get(f"{inbox_url}/api/messages", params={"to": email}, timeout=10).json()
        return next((mail["id"] for mail in mails), None)

    mail_id = wait_until(find, 30, f"a mail to {email}")
    (path,) = Settings().mail_dir.rglob(f"{mail_id}*")
    return message_from_bytes(path.read_bytes(), policy=policy.default)


def expired_link_path() -> str:
    """The path of a link that was signed longer ago than links work."""
    settings = Settings()

    class PastSigner(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - settings.confirmation_seconds - 60

    signer = URLSafeTimedSerializer(settings.secret_key, salt="confirm-signup", signer=PastSigner)
    return f"/confirm/{signer.dumps('0' * 32)}"
