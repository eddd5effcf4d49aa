"""Writes a JSON log line for the start and for the end of each job, with ecs-logging.

ecs-logging is Elastic's own library for the Elastic Common Schema, which our lines also use. Lines
go to BENCH_LOG_FILE, where the benchmark counts the ends.
"""

import logging
import os
import time

import ecs_logging

LOGGER = "jobs"
STARTED, FINISHED = "job_started", "job_finished"


def open_log() -> None:
    """Write the logger's lines to the file; call it in the process that logs, or before forking."""
    handler = logging.FileHandler(os.environ["BENCH_LOG_FILE"])
    handler.setFormatter(ecs_logging.StdlibFormatter())
    logger = logging.getLogger(LOGGER)
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.INFO)


class JobLines:
    """The lines of a process's jobs; several threads may run jobs at once."""

    def __init__(self) -> None:
        self._began: dict[str, int] = {}
        self._logger = logging.getLogger(LOGGER)

    def start(self, job_id: str, kind: str) -> None:
        """Log a job's start."""
        self._began[job_id] = time.perf_counter_ns()
        self._logger.info(STARTED, extra={"transaction.id": job_id, "labels": {"kind": kind}})

    def finish(self, job_id: str, kind: str, status: str) -> None:
        """Log a job's end, whether it succeeded or not."""
        duration = time.perf_counter_ns() - self._began.pop(job_id, time.perf_counter_ns())
        self._logger.info(
            FINISHED,
            extra={
                "transaction.id": job_id,
                "labels": {"kind": kind, "status": status},
                "event.duration": duration,
            },
        )
