"""What the routes work with: built once per process, from the settings."""

from dataclasses import dataclass
from typing import cast

from flask import current_app
from redis import Redis

from project.broker.publisher import Publisher
from project.config import Settings
from project.files import FileStore
from project.ledger import Ledger
from project.ledger.dead_letters import DeadLetters
from project.ledger.file_holders import FileHolders
from project.ledger.job_log import JobLog
from project.ledger.run_times import RunTimes
from project.live.events import Listener
from project.observability.exporting import build_spans
from project.observability.spans import Spans
from project.redis_client import connect_impatient, connect_listening
from project.scheduler.schedules.schedule_service import ScheduleService
from project.scheduler.schedules.store import ScheduleStore
from project.signups import SignUps
from project.submission import Submitter


@dataclass(frozen=True, slots=True)
class Services:
    """The web process's equipment."""

    settings: Settings
    redis: "Redis"
    ledger: Ledger
    publisher: Publisher
    submitter: Submitter
    dead_letters: DeadLetters
    schedules: ScheduleService
    job_log: JobLog
    files: FileStore
    file_holders: FileHolders
    run_times: RunTimes
    signups: SignUps
    listener: Listener
    spans: Spans


def build_services(settings: Settings) -> Services:
    """All services; no connection is opened yet."""
    redis = connect_impatient(settings.redis_url)
    ledger = Ledger(redis, settings.retention_seconds, settings.failed_retention_seconds)
    publisher = Publisher(settings.broker_url, settings.role)
    spans = build_spans(settings)
    submitter = Submitter(
        ledger, publisher, settings.submit_timeout_seconds, settings.queue_limit, spans
    )
    return Services(
        settings=settings,
        redis=redis,
        ledger=ledger,
        publisher=publisher,
        submitter=submitter,
        dead_letters=DeadLetters(redis),
        schedules=ScheduleService(ScheduleStore(redis), submitter),
        job_log=JobLog(redis),
        files=FileStore(settings.files_url, settings.scratch_dir),
        file_holders=FileHolders(redis),
        run_times=RunTimes(redis),
        signups=SignUps(
            redis,
            settings.secret_key,
            settings.confirmation_seconds,
            settings.retention_seconds,
        ),
        listener=Listener(connect_listening(settings.redis_url)),
        spans=spans,
    )


def services() -> Services:
    """The services of the application that handles this request."""
    return cast(Services, current_app.extensions["services"])
