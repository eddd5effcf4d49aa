"""Builds the components of every process of the project; no other module does.

A component is built, and its module imported, on first access. So a process imports and builds only
what it uses: the web server no Celery, a worker no Flask, the scheduler neither. No component opens
a connection before its first call.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from redis import Redis

from project.broker.publisher import Publisher
from project.broker.publisher.releasing import Releasing
from project.config import Settings
from project.jobs import KINDS, offer_kinds
from project.ledger import Job, Ledger
from project.ledger.dead_letters import DeadLetters
from project.ledger.file_holders import FileHolders
from project.ledger.job_log import JobLog
from project.ledger.run_times import RunTimes
from project.observability.spans import NO_SPANS, Spans
from project.redis_client import connect_impatient, connect_listening, connect_patient
from project.submission import Submitter

if TYPE_CHECKING:
    from project.files import FileStore
    from project.live.events import Listener
    from project.mail import MailServer
    from project.scheduler.loop import Scheduler
    from project.scheduler.reconciler.rounds import Reconciler
    from project.scheduler.schedules.schedule_service import ScheduleService
    from project.scheduler.schedules.store import ScheduleStore
    from project.signups import SignUps
    from project.worker.execution import Equipment


class Assembly:
    """The components of one process, by its settings. They share a Redis client and a publisher."""

    def __init__(self, settings: Settings) -> None:
        """DefinitionError if the settings choose kinds that cannot be used."""
        offer_kinds(settings.kinds, settings.extra_kinds, settings.job_queues)
        self.settings = settings

    # ── What most processes use ────────────────────────────────────────────────────────────────

    @cached_property
    def redis(self) -> Redis:
        """A Redis client that reports an outage within about a second."""
        return connect_impatient(self.settings.redis_url)

    @cached_property
    def ledger(self) -> Ledger:
        """The jobs' records."""
        return self._make_ledger(self.redis, self._on_release)

    @cached_property
    def publisher(self) -> Publisher:
        """Sends messages to RabbitMQ."""
        return Publisher(self.settings.broker_url, self.settings.role)

    @cached_property
    def spans(self) -> Spans:
        """Where spans go: nowhere, or to a collector. The first span starts the sending thread."""
        if not self.settings.otlp_endpoint:
            return NO_SPANS
        # Most installations do not use OpenTelemetry: then it need not even be installed.
        from project.observability.otlp import Outbox, make_sender

        return Outbox(lambda: make_sender(self.settings))

    @cached_property
    def submitter(self) -> Submitter:
        """Submits jobs."""
        return self._make_submitter(self.ledger)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        """The dead letters."""
        return DeadLetters(self.redis)

    @cached_property
    def job_log(self) -> JobLog:
        """What the code of jobs has logged."""
        return JobLog(self.redis)

    @cached_property
    def run_times(self) -> RunTimes:
        """How long jobs of each kind run."""
        return RunTimes(self.redis, self.settings.job_queues)

    @cached_property
    def files(self) -> "FileStore":
        """Uploads, and the files that jobs make."""
        from project.files import FileStore

        return FileStore(self.settings.files_url, self.settings.scratch_dir)

    @cached_property
    def mail(self) -> "MailServer":
        """Sends mail."""
        from project.mail import MailServer

        return MailServer(self.settings.smtp_url, self.settings.mail_from)

    @cached_property
    def schedule_store(self) -> "ScheduleStore":
        """The schedules' records."""
        from project.scheduler.schedules.store import ScheduleStore

        return ScheduleStore(self.redis)

    # ── Of the web server and the command line ─────────────────────────────────────────────────

    @cached_property
    def schedules(self) -> "ScheduleService":
        """Jobs at set times."""
        from project.scheduler.schedules.schedule_service import ScheduleService

        return ScheduleService(self.schedule_store, self.submitter)

    @cached_property
    def signups(self) -> "SignUps":
        """Sign-ups, and their confirmation links."""
        from project.signups import SignUps

        return SignUps(
            self.redis,
            self.settings.secret_key,
            self.settings.confirmation_seconds,
            self.settings.retention_seconds,
        )

    @cached_property
    def listener(self) -> "Listener":
        """Receives changes of jobs, over a Redis connection that may be silent."""
        from project.live.events import Listener

        return Listener(connect_listening(self.settings.redis_url))

    # ── Whole processes ────────────────────────────────────────────────────────────────────────

    @cached_property
    def equipment(self) -> "Equipment":
        """What the jobs of a worker share. It waits while Redis is unavailable, as an outcome must
        not be lost."""
        from project.worker.execution import Equipment
        from project.worker.lease import Leases
        from project.worker.recorder import Recorder

        patient = connect_patient(self.settings.redis_url)
        ledger = self._make_ledger(patient, self._on_release)
        return Equipment(
            ledger=ledger,
            # To publish is to wait: the reconciler releases what this one would have released.
            quick_ledger=self._make_ledger(self.redis, None),
            leases=Leases(),
            recorder=Recorder(self.job_log, self.settings.job_log_lines),
            submitter=self._make_submitter(ledger),
            redis=patient,
            file_holders=FileHolders(patient),
            files=self.files,
            mail=self.mail,
            spans=self.spans,
            allowed_networks=self.settings.crawl_networks,
        )

    @cached_property
    def reconciler(self) -> "Reconciler":
        """Repairs what an outage has left behind."""
        from project.leader_lock import LeaderLock
        from project.scheduler.reconciler.dead_letter_consumer import DeadLetterConsumer
        from project.scheduler.reconciler.measuring import Measuring
        from project.scheduler.reconciler.repairs import Repairs
        from project.scheduler.reconciler.rounds import (
            LEADER_KEY,
            LEADER_SECONDS,
            Reconciler,
            connect_to_broker,
        )

        return Reconciler(
            leader_lock=LeaderLock(self.redis, LEADER_KEY, LEADER_SECONDS),
            dead_letter_consumer=DeadLetterConsumer(
                self.ledger, self.dead_letters, self.publisher, self.settings.job_queues
            ),
            repairs=Repairs(self.ledger, self.publisher, self.settings.job_queues),
            measuring=Measuring(
                self.ledger, self.publisher, self.run_times, self.settings.job_queues
            ),
            connect=lambda: connect_to_broker(self.settings),
        )

    def make_scheduler(
        self, clock: Callable[[], datetime] | None = None, leader_seconds: float | None = None
    ) -> "Scheduler":
        """Runs schedules. Tests pass a clock, and a shorter time until another scheduler leads."""
        from project.leader_lock import LeaderLock
        from project.scheduler.loop import LEADER_SECONDS, Scheduler
        from project.scheduler.schedules.runner import Runner
        from project.scheduler.schedules.schedule_service import read_clock
        from project.scheduler.schedules.store import LEADER_KEY

        clock = clock or read_clock
        leader_lock = LeaderLock(self.redis, LEADER_KEY, leader_seconds or LEADER_SECONDS)
        runner = Runner(
            self.schedule_store,
            self.ledger,
            self.submitter,
            leader_lock,
            self.settings.job_queues,
            clock,
        )
        return Scheduler(self.schedule_store, runner, leader_lock, clock)

    @cached_property
    def _on_release(self) -> Releasing:
        return Releasing(self.publisher)

    def _make_ledger(self, redis: Redis, on_release: Callable[[Job], None] | None) -> Ledger:
        kinds = {kind.name: kind.retention_seconds for kind in KINDS.values()}
        return Ledger(
            redis,
            self.settings.retention_seconds,
            self.settings.failed_retention_seconds,
            {name: seconds for name, seconds in kinds.items() if seconds},
            on_release,
        )

    def _make_submitter(self, ledger: Ledger) -> Submitter:
        return Submitter(
            ledger,
            self.publisher,
            self.settings.submit_timeout_seconds,
            self.settings.queue_limit,
            self.spans,
        )
