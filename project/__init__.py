"""A background-job service: Flask hands work to Celery workers through RabbitMQ.

The way of a job, one step a room, data going one way:

    browser or client
      → server         parses the request                       (Flask)
      → submission     records the job, publishes it, awaits the broker's confirm
      → RabbitMQ       a quorum queue per queue: short, long
      → worker         claim → run → outcome                    (Celery)
      → jobs/<kind>    the work itself: a parameters' model and one function
      → ledger         one atomic transition in Redis, which also publishes it
      → live           sends the change to the browser          (SSE, WebSocket)

Beside this path: `assembly` builds every process from its parts. `api` defines the contents of
requests and answers. `broker` describes a job for RabbitMQ and sends it. `scheduler` submits jobs
at set times, takes in dead letters and repairs the effects of outages. `cli` is the command line.
`config` reads the environment, `queues` names the queues, `files` keeps uploads and results, `mail`
speaks SMTP, `pixels` processes pictures in its own process, `signups` holds the sign-ups,
`observability` writes the log lines.
"""

__version__ = "0.1.0"
"""As in setup.cfg; records and messages carry it."""
