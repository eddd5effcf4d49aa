"""The workers: Celery's app and settings, and what happens to a job inside one.

`__main__` starts a worker or the scheduler, `scheduling` is the scheduler's process, `app` builds
the Celery app. A worker's processes consume by themselves: `engine` has their way with a message,
and the main process that starts and watches them. `execution` runs the job, in named steps;
`results` turns Celery's result into the ledger's outcome.

`telling` says in log and trace what became of an attempt, `tracing` gives Celery's own messages a
trace, `heartbeat` tells that a worker lives.
"""
