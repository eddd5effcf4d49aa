"""The SMTP side: accepts every mail for any recipient."""

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.mailcatcher.inbox import Inbox


class Catcher:
    """Called by aiosmtpd when a mail arrives."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(  # noqa: N802 - aiosmtpd finds it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Store the mail; the response contains its id."""
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        return f"250 Caught as {self._inbox.add(raw, envelope.rcpt_tos)}"
