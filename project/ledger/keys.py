"""The names of the ledger's keys in Redis; `prelude.lua` says what each holds."""

PARTITIONS = "jobs:partitions"
LEASES = "jobs:leases"
EXPIRING = "jobs:expiring"
DEAD_LETTERS = "dead-letters"
RUN_TIMES = "jobs:run-times"


def job_key(job_id: str) -> str:
    """The record of a job."""
    return f"job:{job_id}"


def result_key(job_id: str) -> str:
    """Celery's own result document of a job, so that `AsyncResult` and Flower work."""
    return f"celery-task-meta-{job_id}"


def log_key(job_id: str) -> str:
    """What the code of a job has logged."""
    return f"log:{job_id}"


def owner_key(owner: str) -> str:
    """The newest jobs of an owner."""
    return f"jobs:owner:{owner}"


def children_key(job_id: str) -> str:
    """The jobs that a job has submitted."""
    return f"jobs:children:{job_id}"


def needs_key(job_id: str) -> str:
    """The jobs that a waiting job waits for."""
    return f"jobs:needs:{job_id}"


def partition_key(queue: str, kind: str, status: str) -> str:
    """One part of the index: the jobs of that queue, kind and status."""
    return f"jobs:{queue}:{kind}:{status}"


def queue_prefix(queue: str) -> str:
    """The prefix of all parts of the index for one queue."""
    return f"jobs:{queue}:"


def waiting_key(queue: str) -> str:
    """The jobs that wait for a worker of the queue, by the time they are due."""
    return f"jobs:waiting:{queue}"


def unique_key(key: str) -> str:
    """The id of the job that holds a deduplication key."""
    return f"jobs:unique:{key}"


def gone_key(week: int) -> str:
    """Jobs that were forgotten in that week since 1970."""
    return f"jobs:gone:{week}"


def dead_letter_key(job_id: str) -> str:
    """The message of a dead job."""
    return f"dead:{job_id}"


def file_key(file_id: str) -> str:
    """The jobs that hold a file."""
    return f"file:{file_id}"


def memory_key(job_id: str) -> str:
    """The memory of a job's code."""
    return f"memory:{job_id}"
