"""A pool of processes for Celery's worker that hands jobs over in a few microseconds.

Celery's own pool (billiard's) answers each job with two messages, keeps a timer, a semaphore and a
coroutine for it, and fills each process's pipe with jobs that nobody else can take any more. This
one keeps what a worker needs of it: late acks, time limits, `revoke --terminate`, lost processes,
`pool_grow` and the other remote controls, a soft stop. It needs Linux 5.3 (pidfd_open(2)).

`lanes` is the pool as Celery sees it, `crew` decides which process gets which job, `seat` is one
process as they see it, `forking` how it begins, `child` what happens in it, `packets` what they
send each other, `ticket` one job on its way, `allowance` when a process is to be replaced.
"""
