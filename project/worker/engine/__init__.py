"""The engine: how worker processes get messages, and what Celery, kombu and py-amqp are told.

It is the only place for private names of these packages. In a worker process `process` is the
loop, `consumer` its connection, `frames` the bytes of that, `delivery` one message, `handler` what
becomes of it, `tracer` how a job is run. In the main process `pool` starts and watches processes
(`worker_process`, `forking`, `recycling`), `supervisor` keeps leases and makes jobs stop, and
`main_consumer` answers remote control with what `running` reads. Between the two stand `slot`,
memory that they share, and `ipc`, a pair of sockets; where the main process does nothing any more,
`fence` stops the job.
"""
