"""The services that routes use, built once per process before the first request."""

from dataclasses import dataclass
from typing import cast

from flask import current_app
from redis import Redis

from project.assembly import Assembly
from project.broker.publisher import Publisher
from project.config import Settings
from project.files import FileStore
from project.ledger import Ledger
from project.ledger.dead_letters import DeadLetters
from project.ledger.job_log import JobLog
from project.ledger.run_times import RunTimes
from project.live.events import Listener
from project.observability.spans import Spans
from project.scheduler.schedules.schedule_service import ScheduleService
from project.signups import SignUps
from project.submission import Submitter


@dataclass(frozen=True, slots=True)
class Services:
    """The web process's services."""

    settings: Settings
    redis: "Redis"
    ledger: Ledger
    publisher: Publisher
    submitter: Submitter
    dead_letters: DeadLetters
    schedules: ScheduleService
    job_log: JobLog
    files: FileStore
    run_times: RunTimes
    signups: SignUps
    listener: Listener
    spans: Spans


def build_services(assembly: Assembly) -> Services:
    """All services; none of them opens a connection yet."""
    return Services(
        settings=assembly.settings,
        redis=assembly.redis,
        ledger=assembly.ledger,
        publisher=assembly.publisher,
        submitter=assembly.submitter,
        dead_letters=assembly.dead_letters,
        schedules=assembly.schedules,
        job_log=assembly.job_log,
        files=assembly.files,
        run_times=assembly.run_times,
        signups=assembly.signups,
        listener=assembly.listener,
        spans=assembly.spans,
    )


def get_services() -> Services:
    """The services of the application that handles this request."""
    return cast(Services, current_app.extensions["services"])
