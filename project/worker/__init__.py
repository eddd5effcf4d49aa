"""The workers: Celery's app and settings, and what happens to a job inside one.

`app` builds the Celery app, `execution` runs one job in named steps, `results` turns Celery's
result into the ledger's outcome, `heartbeat` tells that a worker lives.
"""
