"""Works on pictures in a separate process: reads, converts, resizes, writes, lays out.

Large C libraries decode what people send. So that happens in a process that has limits of memory
and time, inherits no secret and no connection, and can be ended at any moment.
`project.jobs.image_thumbnail.process` starts it as `python -m project.pixels`; it imports little.

`__main__` takes requests, `reading` decodes, `colour` converts to sRGB, `encoding` resizes and
writes, `sheet` draws contact sheets.
"""
