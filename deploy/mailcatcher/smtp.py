"""The SMTP side: every mail is taken, for whomever it is."""

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.mailcatcher.inbox import Inbox


class Catcher:
    """What aiosmtpd asks when a mail has come in."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(  # noqa: N802 - aiosmtpd finds it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep the mail; the answer tells the sender its id."""
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        return f"250 Caught as {self._inbox.add(raw, envelope.rcpt_tos)}"
