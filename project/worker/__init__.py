"""The workers: Celery's app and settings, and what happens to a job inside one.

`__main__` starts a worker or the scheduler, `scheduling` is the scheduler's process, `app` builds
the Celery app. Worker processes consume by themselves: `engine` contains their handling of
messages, and the main process that starts and watches them. `execution` runs the job, in named
steps; `results` turns Celery's result into the ledger's outcome.

`attempt_logging` writes the log lines and spans of an attempt, `tracing` gives Celery's own
messages a trace, `heartbeat` shows that a worker is alive.
"""
