"""What a kind's author works with: `@job`, the context of a running job, files, mail, results.

Imports no Flask, Celery or Redis. `project.jobs` lists the project's own kinds.
"""
