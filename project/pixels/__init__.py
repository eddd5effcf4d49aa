"""Pictures' pixels, in a process of their own: read, converted, resized, written, laid out.

What people send is decoded by large libraries in C. So that happens in a process that has limits
of memory and time, inherits no secret and no connection, and can be ended at any moment.
`project.jobs.image_thumbnail.process` starts it as `python -m project.pixels`; it imports little.

`__main__` takes requests, `reading` decodes, `colour` makes sRGB of all, `encoding` resizes and
writes, `sheet` draws contact sheets.
"""
