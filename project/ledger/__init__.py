"""The record of all jobs in Redis: the one truth about state.

Pure: `job` (what a job is, which steps its status allows), `record` and `documents` (as Redis and
Celery keep it). On Redis: `steps` (the scripts), `reading` and `listing`, `admission`, `store` (all
of it as one ledger), `dead_letters`, `retention`; `events` is how others hear of changes. The
scripts are the `.lua` files; `prelude.lua` lists all keys.
"""

from project.ledger.job import Job, Progress, Status
from project.ledger.store import Ledger

__all__ = ["Job", "Ledger", "Progress", "Status"]
