"""An SMTP server of the test's own, whose answers the test decides."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.builders import an_unused_port


class Postbox:
    """Takes every mail, but for recipients that it was told to refuse or to keep waiting."""

    def __init__(self) -> None:
        self.mails: dict[str, list[bytes]] = defaultdict(list)
        self._answers: dict[str, list[str]] = defaultdict(list)
        self._held: dict[str, asyncio.Event] = {}
        self._halted: dict[str, asyncio.Event] = {}
        self.waiting: set[str] = set()
        """Recipients whose senders are kept waiting."""
        self._server = Controller(self, hostname="127.0.0.1", port=an_unused_port())

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    @property
    def port(self) -> int:
        return int(self._server.port)

    def answer(self, recipient: str, *answers: str) -> None:
        """Answer the next mails to this recipient so; those after them are taken."""
        self._answers[recipient].extend(answers)

    @contextmanager
    def holding(self, recipient: str) -> Iterator[None]:
        """Keep the sender of a mail to this recipient waiting: its job runs until this ends.

        It has handed the whole mail over, and waits for the answer; for two minutes at the most.
        """
        with self._keeping(self._held, recipient):
            yield

    @contextmanager
    def halting(self, recipient: str) -> Iterator[None]:
        """Keep it waiting before it may begin with the mail; for half a minute at the most."""
        with self._keeping(self._halted, recipient):
            yield

    @contextmanager
    def _keeping(self, kept: dict[str, asyncio.Event], recipient: str) -> Iterator[None]:
        released = kept[recipient] = asyncio.Event()
        try:
            yield
        finally:
            del kept[recipient]
            self._server.loop.call_soon_threadsafe(released.set)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds it by this name
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        await self._wait(self._halted, address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd finds it by this name
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        (recipient,) = envelope.rcpt_tos
        await self._wait(self._held, recipient)
        if self._answers[recipient]:
            return self._answers[recipient].pop(0)
        content = envelope.content or b""
        self.mails[recipient].append(content if isinstance(content, bytes) else content.encode())
        return "250 OK"

    async def _wait(self, kept: dict[str, asyncio.Event], recipient: str) -> None:
        if recipient in kept:
            self.waiting.add(recipient)
            try:
                await kept[recipient].wait()
            finally:
                self.waiting.discard(recipient)
