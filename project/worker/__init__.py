"""The workers: Celery's app and settings, and what happens to a job inside one.

`__main__` starts a worker or the scheduler, `scheduling` is the scheduler's process, `app` builds
the Celery app. In a worker's main process `receiving` takes a message, `consuming` deals with what
goes wrong, `acks` acknowledges, and `pool` hands the job to a child. There `running` runs the
message and `execution` the job, in named steps; `results` turns Celery's result into the ledger's
outcome.

`telling` says in log and trace what became of an attempt, `tracing` gives Celery's own messages a
trace, `heartbeat` tells that a worker lives.
"""
