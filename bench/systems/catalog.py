"""All systems, in the order that a round takes them."""

from bench.systems.ours import Ours
from bench.systems.peers import Peer
from bench.systems.system import System, Web

TWO_BY_FOUR = ("--workers", "2", "--worker-class", "gthread", "--threads", "4")
QUIET = ("--without-gossip", "--without-mingle", "--loglevel", "WARNING")

OURS_WEB = Web(
    "/api/v1/jobs", '{"kind":"bench.noop","parameters":{"n":1}}', "/api/v1/jobs/{id}", "id"
)

JOBS = Ours(
    "jobs",
    "Jobs",
    "as `make run` starts it, without Flower: worker-short with 2 processes",
    OURS_WEB,
)
CELERY_DURABLE = Peer(
    "celery-durable",
    "Celery 5.7, durable",
    "quorum queue, confirm_publish, acks_late, reject_on_worker_lost, prefork 2, prefetch 16",
    "celery",
    "bench.peers.celery_durable",
    [("celery", "-A", "bench.peers.celery_durable", "worker", "-c", "2", *QUIET)],
    web=Web("/jobs", '{"n":1}', "/jobs/{id}", "id"),
    web_server=("gunicorn", *TWO_BY_FOUR, "bench.peers.celery_web:app"),
)
DRAMATIQ_CONFIRMS = Peer(
    "dramatiq-confirms",
    "Dramatiq, confirms",
    "classic durable queue, confirm_delivery=True, 2 processes with 8 threads each",
    "dramatiq",
    "bench.peers.dramatiq_confirms",
    [("dramatiq", "bench.peers.dramatiq_confirms", "--processes", "2", "--threads", "8")],
)

SYSTEMS: dict[str, System] = {
    system.name: system for system in (JOBS, CELERY_DURABLE, DRAMATIQ_CONFIRMS)
}
