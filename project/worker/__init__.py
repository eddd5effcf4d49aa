"""The workers: Celery's app and settings, and what happens to a job inside one.

`__main__` starts a worker, `app` builds the Celery app. Worker processes consume by themselves:
`engine` contains their handling of messages, and the main process that starts and watches them.
`execution` runs the job, in named steps: `claiming` acquires it, `lease` says when it must stop,
`reservation` is an attempt without a claim, `children` submits child jobs and `recorder` keeps the
job's log. `results` turns Celery's result into the ledger's outcome.

`attempt_logging` writes the log lines and spans of an attempt, `tracing` gives Celery's own
messages a trace, `heartbeat` shows that a worker is alive.
"""
