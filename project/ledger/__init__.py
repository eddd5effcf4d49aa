"""The record of all jobs in Redis: the one truth about state.

`job` holds the pure part (what a job is, which steps its status allows), `store` alone touches the
keys, `transition.lua` is the one atomic step, `events` is how others hear of it.
"""

from project.ledger.job import Job, Progress, Status
from project.ledger.store import Ledger

__all__ = ["Job", "Ledger", "Progress", "Status"]
