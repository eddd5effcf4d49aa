"""The Celery app: its settings, each with its reason, and one task per kind."""

import gc
from functools import cached_property
from typing import Any

import structlog
from celery import Celery, signals

from project.assembly import Assembly
from project.broker.topology import (
    JOBS_EXCHANGE,
    limit_unpacking,
    make_job_queue,
    transport_options,
)
from project.config import Settings
from project.errors import InvalidInputError
from project.jobs import KINDS, Kind, log_not_offered
from project.json_values import check_json
from project.kinds.definition import SOFT_LIMIT_SHARE
from project.observability.pipeline import configure_logging
from project.queues import choose_default, find_queue
from project.worker.engine.main_consumer import connect_remote_control
from project.worker.execution import Equipment, execute
from project.worker.heartbeat import start_heartbeat
from project.worker.printing import redirect_prints
from project.worker.tracing import connect_tracing

CONFIRM_SECONDS = 10
"""How long a worker waits for RabbitMQ to confirm a message that it publishes through Celery."""


class JobsCelery(Celery):  # type: ignore[misc]  # Celery has no types
    """Celery, with the equipment that all jobs of this process share."""

    equipment: Equipment
    consumer_name: str
    """Name of its consumers in the RabbitMQ console; their process id follows it."""

    @cached_property
    def Worker(self) -> Any:  # noqa: N802 - Celery's name
        """The worker class, which shuts down in its own way."""
        return self.subclass_with_self("project.worker.engine.main_consumer:JobsWorker")


def create_celery(settings: Settings) -> JobsCelery:
    """A Celery app with all kinds as tasks. Opens no connection."""
    assembly = Assembly(settings)
    limit_unpacking()
    app = JobsCelery("jobs", set_as_current=True)
    app.config_from_object(celery_settings(settings))
    app.equipment = assembly.equipment
    app.consumer_name = settings.role
    connect_remote_control()
    for kind in KINDS.values():
        _register(app, kind)
    _connect_signals(settings)
    connect_tracing(settings, assembly.spans)
    return app


def celery_settings(settings: Settings) -> dict[str, Any]:
    """Celery's configuration; a worker's role determines its queue and so that queue's values."""
    queues, own = settings.job_queues, find_queue(settings.job_queues, settings.role)
    return {
        "broker_url": settings.broker_url,
        "result_backend": f"project.worker.results:LedgerBackend+{settings.redis_url}",
        # Queues. A wrong -Q must fail instead of creating a queue.
        "task_queues": tuple(make_job_queue(name) for name in queues),
        "task_create_missing_queues": False,
        "task_default_queue": choose_default(queues),
        "task_default_exchange": JOBS_EXCHANGE.name,
        "task_default_exchange_type": JOBS_EXCHANGE.type,
        "task_default_routing_key": choose_default(queues),
        "task_routes": (route,),
        # No message may be lost: confirmed publishing, late acks, redelivery when a worker dies.
        "broker_transport_options": transport_options(settings.role),
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # Jobs do not depend on the main process's connection; this will become Celery's default.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        # Celery's defaults give up after 100 tries and end the worker on a channel error.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "broker_heartbeat": 20,
        "broker_native_delayed_delivery_queue_type": "quorum",
        # Processes that consume by themselves.
        "worker_consumer": "project.worker.engine.main_consumer:JobsConsumer",
        "worker_pool": "project.worker.engine.pool:EnginePool",
        **({"worker_concurrency": own.concurrency} if own else {}),
        **({"worker_prefetch_multiplier": own.prefetch} if own else {}),
        # KiB. A process that is larger after a job is replaced: libraries return little memory.
        "worker_max_memory_per_child": settings.process_memory_bytes // 1024 or None,
        # Stopping (with REMAP_SIGTERM=SIGQUIT): jobs may finish in this time, or are requeued at
        # once.
        "worker_soft_shutdown_timeout": (
            0 if own and not own.soft_stop else settings.shutdown_seconds
        ),
        # Results: kept as long as the record; the worker waits for Redis rather than lose one.
        "result_expires": settings.retention_seconds,
        "result_backend_always_retry": True,
        "result_backend_max_sleep_between_retries_ms": 1000,
        "redis_socket_timeout": 5,
        "redis_socket_connect_timeout": 2,
        "redis_socket_keepalive": True,
        "redis_retry_on_timeout": True,
        # The ledger's claim sets "running"; Celery need not store it again.
        "task_track_started": False,
        # Only JSON is accepted: other formats could execute code.
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        # Events of jobs cost as much as the jobs; Flower enables them when it starts.
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "timezone": "UTC",
    }


def route(name: str, args: Any, kwargs: Any, _options: Any, **_ignored: Any) -> dict[str, Any]:
    """Celery's router, for messages that do not come from `submission`: the kind's queue.

    `mandatory`, because RabbitMQ confirms even a message that no queue takes; a time limit, because
    py-amqp would wait for a confirm forever.
    """
    safety = {"mandatory": True, "confirm_timeout": CONFIRM_SECONDS}
    kind = KINDS.get(name)
    if kind is None:
        # For a retry: its message names its exchange, but not the exchange's type.
        return {"exchange_type": JOBS_EXCHANGE.type, **safety}
    # Raise here, in the caller: a worker could not read the message, or would read other numbers.
    check_json(kind.name_arguments(args or (), kwargs or {}), "parameters")
    try:
        parameters = kind.bind(args or (), kwargs or {})
    except InvalidInputError:
        return safety  # to the default queue, whose worker reports the error
    return {"queue": kind.queue_for(parameters), **safety}


def _register(app: JobsCelery, kind: Kind) -> None:
    @app.task(  # type: ignore[untyped-decorator]  # Celery has no types
        bind=True,
        name=kind.name,
        time_limit=kind.time_limit_seconds,
        soft_time_limit=kind.time_limit_seconds * SOFT_LIMIT_SHARE,
        max_retries=kind.max_attempts - 1,
        typing=False,
    )
    def run(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return execute(kind, self, app.equipment, args, kwargs)


def _connect_signals(settings: Settings) -> None:
    """Set up logging and printing, and start the heartbeat when the worker is ready."""

    @signals.setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
    def configure(**_: Any) -> None:
        configure_logging(settings)

    @signals.worker_before_create_process.connect(weak=False)  # type: ignore[untyped-decorator]
    def prepare_fork(**_: Any) -> None:
        # Garbage collection writes to each object that it checks, and so unshares its page. Objects
        # from before the first fork live on, and need not be checked.
        if not gc.get_freeze_count():
            gc.freeze()

    @signals.worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
    def prepare_process(**_: Any) -> None:
        redirect_prints()

    @signals.worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
    def ready(sender: Any, **_: Any) -> None:
        log_not_offered()
        start_heartbeat(settings, sender.hostname)

    @signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def stopping(sig: str, how: str, **_: Any) -> None:
        structlog.get_logger().info("worker_stopping", signal=sig, how=how)
