"""Jobs at set times: schedules are stored in Redis, and can be changed without a restart.

`timing` computes the times, through every change of the clock; `schedule` is the record of a
schedule; `due_runs` decides which runs are due and which are skipped (all three are pure). `store`
reads and writes schedules, `schedule_service` creates and changes them for API and command line,
`runner` submits the due runs for the scheduler. `examples` exist from the first start.

Each nominal time runs once. Its job's id is derived from the schedule and that time, so a scheduler
that takes over from a killed one finds the job instead of submitting another.
"""
