"""`python -m deploy.mailcatcher`: an SMTP server and an inbox page over one Maildir."""

import signal
import threading
from types import FrameType
from urllib.parse import urlsplit

import structlog
from aiosmtpd.controller import Controller
from werkzeug.serving import BaseWSGIServer, make_server

from deploy.mailcatcher.inbox import Inbox
from deploy.mailcatcher.page import create_page
from deploy.mailcatcher.smtp import Catcher
from project.config import Settings
from project.observability.pipeline import configure_logging

LARGEST_MAIL_BYTES = 25 * 1024 * 1024


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    settings = Settings()
    configure_logging(settings)
    host, port = settings.mailcatcher_host, urlsplit(settings.smtp_url).port or 25
    inbox = Inbox(settings.mail_dir)
    smtp = Controller(
        Catcher(inbox),
        hostname=host,
        port=port,
        ident="mailcatcher",
        data_size_limit=LARGEST_MAIL_BYTES,
        enable_SMTPUTF8=True,
    )
    smtp.start()
    page = make_server(host, settings.mailcatcher_port, create_page(inbox), threaded=True)
    _shut_down_on_signals(page)
    log = structlog.get_logger()
    log.info("mailcatcher_started", smtp_port=port, page_port=settings.mailcatcher_port)
    page.serve_forever()
    smtp.stop()
    log.info("mailcatcher_stopped")


def _shut_down_on_signals(server: BaseWSGIServer) -> None:
    def shut_down(_number: int, _frame: FrameType | None) -> None:
        # In another thread: `shutdown` waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, shut_down)


if __name__ == "__main__":
    main()
