"""The records of all jobs in Redis: the only source of truth about their state.

Pure: `job` (what a job is, which steps its status allows), `record` and `celery_results` (how Redis
and Celery store it). On Redis: `store` is the ledger, made of `steps` (the scripts), `admissions`,
`attempts`, `job_tree` and `listing`; beside it `dead_letters`, `job_log`, `memory`, `file_holders`.
The scripts are the `.lua` files; `prelude.lua` lists all keys.
"""

from project.ledger.job import Job, Progress, Status
from project.ledger.store import Ledger

__all__ = ["Job", "Ledger", "Progress", "Status"]
