"""The scheduler's process: the schedules' loop, and the reconciler in a thread beside it.

`python -m project.scheduler` starts it. Several may run; one of them is the leader.
"""

import signal
import threading
from typing import Any

import structlog

from project.config import Settings
from project.import_blocking import block_imports

with block_imports("opentelemetry"):  # redis-py would import it
    from project.assembly import Assembly
    from project.jobs import log_not_offered
    from project.observability.pipeline import configure_logging


def main() -> None:
    """Run the scheduler until the process is told to stop."""
    stop = threading.Event()

    def request_stop(*_: Any) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, request_stop)
    settings = Settings()
    configure_logging(settings)
    assembly = Assembly(settings)
    structlog.get_logger().info("scheduler_started")
    log_not_offered()
    # The process does not wait for the reconciler: the next one, here or elsewhere, does the rest.
    work = assembly.reconciler.run_forever
    threading.Thread(target=work, name="reconciler", daemon=True).start()
    assembly.make_scheduler().run(stop)
    assembly.spans.close()
    structlog.get_logger().info("scheduler_stopped")


if __name__ == "__main__":
    main()
