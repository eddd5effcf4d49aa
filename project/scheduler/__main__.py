"""The scheduler's process: the schedules' loop, and the reconciler in a thread beside it.

`python -m project.scheduler` starts it. Several may run; one of them is the leader.
"""

import signal
import threading
from typing import Any

import structlog

from project.config import Settings
from project.import_blocking import block_imports

with block_imports("opentelemetry"):  # by redis-py
    from project.jobs import log_not_offered, offer_kinds
    from project.observability.exporting import build_spans
    from project.observability.pipeline import configure_logging
    from project.scheduler.loop import build_scheduler
    from project.scheduler.reconciler.rounds import start_reconciler


def main() -> None:
    """Run it until the process is told to stop."""
    stop = threading.Event()

    def request_stop(*_: Any) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, request_stop)
    settings = Settings()
    configure_logging(settings)
    offer_kinds(settings.kinds, settings.extra_kinds)
    spans = build_spans(settings)
    structlog.get_logger().info("scheduler_started")
    log_not_offered()
    start_reconciler(settings)
    build_scheduler(settings, spans).run(stop)
    spans.close()
    structlog.get_logger().info("scheduler_stopped")


if __name__ == "__main__":
    main()
