"""All systems, in the order in which a round measures them."""

from bench.environments import BEFORE, OURS
from bench.kinds import REPEATABLE
from bench.systems.ours import Ours
from bench.systems.peers import (
    PROCESSES_HERE,
    Peer,
    count_finished_of_rq,
    count_results_of_huey,
)
from bench.systems.system import System, Web

WHOLE = frozenset({"submit", "drain", "trips"})
LIMIT = frozenset({"submit"})
HTTP = frozenset({"http"})
BESIDE_DURABLE_CELERY = frozenset({"overhead", "payload", "delay"})
PROCESSES = frozenset({"processes"})
OURS_ALONE = frozenset(
    {"http-busy", "bulk", "live", "queues", "mixed", "streams", "depth", "ledger", "profile"}
)

GTHREAD = ("gunicorn", "--workers", "2", "--worker-class", "gthread", "--threads", "4")
OUR_GUNICORN = ("gunicorn", "--config", "deploy/gunicorn/gunicorn.conf.py")
RQ_OPTIONS = ("-w", "rq.worker.SimpleWorker", "-q")
QUIETLY = ("--log-level", "WARNING")
CELERY_BEAT = ("celery", "-A", "bench.peers.celery_durable", "beat")
LEAN = ("--without-gossip", "--without-mingle")


def _celery(module: str, *options: str) -> tuple[str, ...]:
    return ("celery", "-A", f"bench.peers.{module}", "worker", *options)


OURS_WEB = Web(
    "/api/v1/jobs", '{"kind":"bench.noop","parameters":{"n":1}}', "/api/v1/jobs/{id}", "id"
)
TUTORIAL_WEB = Web("/tasks", '{"type":0}', "/tasks/{id}", "task_id")
PLAIN_WEB = Web("/jobs", '{"n":1}', "/jobs/{id}", "id")

JOBS = Ours(
    "jobs",
    "Jobs",
    "as `make run` starts it: web 2 processes, worker-short 2 processes; Flower off",
    OURS_WEB,
    WHOLE | HTTP | BESIDE_DURABLE_CELERY | PROCESSES | OURS_ALONE | {"memory"},
)
JOBS_BEFORE = Ours(
    BEFORE,
    "Jobs before",
    "an earlier commit with the same Python, started in the same way, with its own RabbitMQ and "
    "Redis",
    OURS_WEB,
    WHOLE | HTTP | {"overhead", "bulk", "live", "queues", "mixed", "memory"},
    environment=BEFORE,
)
JOBS_REPEATABLE = Ours(
    "jobs-repeatable",
    "Jobs, repeatable",
    "the same, with jobs of a repeatable kind",
    OURS_WEB,
    frozenset({"drain"}),
    kind=REPEATABLE,
)
JOBS_TASKS = Ours(
    "jobs-tasks",
    "Jobs, `POST /tasks`",
    "the same, by the tutorial's routes",
    TUTORIAL_WEB,
    HTTP,
)
JOBS_FLOWER = Ours(
    "jobs-flower",
    "Jobs, Flower on",
    "as `make run` starts it, with Flower",
    OURS_WEB,
    frozenset({"drain"}),
    has_flower=True,
)

TUTORIAL = Peer(
    "tutorial",
    "The tutorial's app",
    "Celery 5.2 with its defaults on Redis, results in Redis, prefork 2, `--loglevel=info`; "
    "Flask 2.1, gunicorn with 2 processes of 4 threads",
    "tutorial",
    "bench.peers.tutorial",
    WHOLE | HTTP,
    [_celery("tutorial.celery", "-c", "2", "--loglevel=info")],
    web=TUTORIAL_WEB,
    web_server=(*GTHREAD, "bench.peers.tutorial:app"),
)
CELERY = Peer(
    "celery",
    "Celery, defaults",
    "RabbitMQ, classic queue, no confirms, early acks, prefork 2, results in Redis",
    "celery",
    "bench.peers.celery_default",
    WHOLE,
    [_celery("celery_default", "-c", "2")],
)
CELERY_DURABLE = Peer(
    "celery-durable",
    "Celery, durable",
    "quorum queue, confirm_publish, acks_late, reject_on_worker_lost, prefork 2, prefetch 16, no "
    "gossip or mingle, results in Redis; Flask 3.1, gunicorn with 2 processes of 4 threads",
    "celery",
    "bench.peers.celery_durable",
    WHOLE | HTTP | BESIDE_DURABLE_CELERY | PROCESSES | {"memory"},
    [_celery("celery_durable", "-c", PROCESSES_HERE, *LEAN)],
    web=PLAIN_WEB,
    web_server=(*GTHREAD, "bench.peers.celery_web:app"),
    beside_web={
        "worker-short": _celery("celery_durable", "-c", "2", "-n", "short@%h", *LEAN),
        "worker-long": _celery("celery_durable", "-c", "2", "-n", "long@%h", *LEAN),
        "scheduler": (*CELERY_BEAT, "--schedule", "data/bench/celerybeat"),
    },
)
CELERY_OBSERVABLE = Peer(
    "celery-observable",
    "Celery, durable, observable",
    "as durable, and worker_send_task_events, task_track_started, result_extended, a JSON log line "
    "for each start and end by ecs-logging",
    "celery",
    "bench.peers.celery_observable",
    WHOLE,
    [_celery("celery_observable", "-c", PROCESSES_HERE, *LEAN)],
    has_log=True,
)
CELERY_THREADS = Peer(
    "celery-threads",
    "Celery, durable, threads",
    "the same with two workers of 8 threads each",
    "celery",
    "bench.peers.celery_durable",
    frozenset({"drain", "trips"}),
    [_celery("celery_durable", "-P", "threads", "-c", "8", "-n", f"{n}@%h", *LEAN) for n in "ab"],
)
RQ = Peer(
    "rq",
    "RQ",
    "Redis, `worker-pool` of 2 SimpleWorkers (no fork a job), quiet",
    "rq",
    "bench.peers.rq_app",
    WHOLE,
    [("rq", "worker-pool", "-c", "bench.peers.rq_settings", "-n", "2", *RQ_OPTIONS)],
    count_results=count_finished_of_rq,
)
DRAMATIQ, DRAMATIQ_CONFIRMS, DRAMATIQ_OBSERVABLE = (
    Peer(
        f"dramatiq{suffix}",
        f"Dramatiq, {words}",
        f"RabbitMQ, {setting}, late acks, 2 processes of 8 threads, results in Redis{more}",
        "dramatiq",
        module,
        WHOLE | measures,
        [("dramatiq", module, "--processes", PROCESSES_HERE, "--threads", "8")],
        has_log=has_log,
    )
    for suffix, words, setting, more, module, measures, has_log in (
        (
            "",
            "defaults",
            "classic durable queue, no confirms",
            "",
            "bench.peers.dramatiq_default",
            frozenset[str](),
            False,
        ),
        (
            "-confirms",
            "confirms",
            "classic durable queue, confirm_delivery=True",
            "",
            "bench.peers.dramatiq_confirms",
            PROCESSES,
            False,
        ),
        (
            "-observable",
            "confirms, observable",
            "quorum queue by a broker subclass, confirm_delivery=True",
            ", a JSON log line for each start and end by ecs-logging",
            "bench.peers.dramatiq_observable",
            frozenset[str](),
            True,
        ),
    )
)
HUEY, HUEY_NOTIFY = (
    Peer(
        f"huey{suffix}",
        f"Huey{words}",
        f"Redis, 2 processes, quiet{setting}; results by the client are {how}",
        "huey",
        "bench.peers.huey_app",
        WHOLE,
        [("huey_consumer", "bench.peers.huey_app.huey", "-k", "process", "-w", "2", "-q")],
        count_results=count_results_of_huey,
        extra_variables=variables,
    )
    for suffix, words, setting, how, variables in (
        ("", "", "", "polled", {}),
        ("-notify", ", notify", ", notify_result=True", "awaited", {"BENCH_HUEY_NOTIFY": "1"}),
    )
)
TASKIQ = Peer(
    "taskiq",
    "Taskiq",
    "taskiq-aio-pika: quorum queue, confirms, acks when saved, 2 processes, qos 100; results in "
    "Redis, polled every 2 ms",
    "taskiq",
    "bench.peers.taskiq_app",
    WHOLE,
    [
        (
            "taskiq",
            "worker",
            "bench.peers.taskiq_app:broker",
            "--workers",
            "2",
            "--log-level=WARNING",
        )
    ],
)

RAW_CHANNEL = Peer(
    "raw-channel",
    "Limit: py-amqp alone",
    "400 bytes, persistent, to a quorum queue; bulk: a confirm per 100",
    OURS,
    "bench.peers.raw_channel",
    LIMIT,
)
RAW_REDIS = Peer(
    "raw-redis",
    "Limit: redis-py alone",
    "SET and PUBLISH in one pipeline; bulk: 100 of them",
    OURS,
    "bench.peers.raw_redis",
    LIMIT,
)
HELLO = Peer(
    "hello",
    "Limit: hello JSON, our server",
    "Flask alone on our gunicorn.conf.py: gevent, 2 processes",
    OURS,
    "",
    HTTP,
    web=PLAIN_WEB,
    web_server=(*OUR_GUNICORN, "bench.peers.hello:app"),
    extra_variables={"JOBS_ROLE": "bench-hello"},
)
HELLO_THREADS = Peer(
    "hello-gthread",
    "Limit: hello JSON, gthread",
    "Flask alone on gunicorn with 2 processes of 4 threads",
    OURS,
    "",
    HTTP,
    web=PLAIN_WEB,
    web_server=(*GTHREAD, "bench.peers.hello:app"),
)

SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        *(JOBS, JOBS_BEFORE, JOBS_REPEATABLE, JOBS_TASKS, JOBS_FLOWER),
        *(TUTORIAL, CELERY, CELERY_DURABLE),
        *(CELERY_OBSERVABLE, CELERY_THREADS),
        *(RQ, DRAMATIQ, DRAMATIQ_CONFIRMS, DRAMATIQ_OBSERVABLE, HUEY, HUEY_NOTIFY, TASKIQ),
        *(RAW_CHANNEL, RAW_REDIS, HELLO, HELLO_THREADS),
    )
}
