"""The engine: how worker processes get and run messages, and how it replaces parts of Celery.

Only this package uses private names of Celery, kombu and py-amqp. In a worker process, `process` is
the loop, `consumer` its connection, `frames` reads and writes the bytes, `delivery` is one message,
`handler` decides what happens to it, and `tracer` runs the job. In the main process, `pool` starts
and watches worker processes (`worker_process`, `forking`, `recycling`), `supervisor` renews leases
and stops jobs, and `main_consumer` answers remote control from what `running` reads. The two share
`slot`, a block of memory, and `ipc`, a pair of sockets. If the main process hangs, `fence` stops
the job.
"""
