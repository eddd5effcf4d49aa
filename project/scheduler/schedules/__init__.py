"""Jobs at set times: what is to run when, kept in Redis and changed without a restart.

`timing` knows the times, through every change of the clock (pure); `schedule` is what is kept of
one, `due` decides what is due of it and what is passed over (both pure). `store` keeps them,
`register` makes and changes them for API and command line, `runner` hands in what is due, for the
scheduler. `examples` are there from the first start.

Each nominal time runs once. Its job has an id that is made from the schedule and that time, so a
scheduler that takes over from a killed one finds the job instead of making another one.
"""
