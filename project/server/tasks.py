"""The tutorial's Celery entry: `celery --app project.server.tasks.celery worker`, `create_task`.

An entry point: importing it reads the settings and builds the Celery app.
"""

from project.config import Settings
from project.worker.app import create_celery

celery = create_celery(Settings())
create_task = celery.tasks["create_task"]

__all__ = ["celery", "create_task"]
