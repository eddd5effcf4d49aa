"""A background-job service: Flask hands work to Celery workers through RabbitMQ.

The way of a job, one step a room, data going one way:

    browser or client
      → server         parses the request                       (Flask)
      → submission     records the job, publishes it, awaits the broker's confirm
      → RabbitMQ       a quorum queue per queue: short, long
      → worker         claim → run → outcome                    (Celery)
      → jobs/<kind>    the work itself: a parameters' model and one function
      → ledger         one atomic transition in Redis, which also publishes it
      → server/live    pushes it to the browser                 (SSE)

Beside the way: `message` describes a job for RabbitMQ, `publisher` sends it; `reconciler` takes in
dead letters and repairs what outages leave; `schedules` hands in jobs at set times, `turn` says
which of several processes does so. `__main__` is the command line, `commands` has parts of it.
`config` reads the environment, `broker` names the queues, `files` keeps uploads and results, `mail`
speaks SMTP, `pixels` works on pictures in a process of its own, `signups` holds the sign-ups,
`observability` writes the log lines.
"""
