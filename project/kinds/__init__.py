"""What the author of a kind works with: `@job`, the context of a running job, files, mail, results.

Knows no Flask, no Celery and no Redis. `project.jobs` lists the kinds that come with the project.
"""
