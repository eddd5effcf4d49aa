"""Builds the Flask application."""

from pathlib import Path

from flask import Flask

from project.assembly import Assembly
from project.config import Settings
from project.server.access_log import install as install_access_log
from project.server.framework import Application
from project.server.main.views import main_blueprint as main
from project.server.pages import blueprint as pages
from project.server.problems import FORM_OVERHEAD_BYTES
from project.server.problems import install as install_problems
from project.server.routes.dead_letters import blueprint as dead_letters
from project.server.routes.files import blueprint as files
from project.server.routes.health import blueprint as health
from project.server.routes.job_log import blueprint as job_log
from project.server.routes.jobs import blueprint as jobs
from project.server.routes.kinds import blueprint as kinds
from project.server.routes.queues import blueprint as queues
from project.server.routes.reference import blueprint as reference
from project.server.routes.schedules import blueprint as schedules
from project.server.routes.signups import blueprint as signups
from project.server.security import protect
from project.server.services import build_services
from project.server.sse import blueprint as sse
from project.server.websocket import blueprint as websocket

_CLIENT = Path(__file__).parent.parent / "client"


def build_app(settings: Settings | None = None) -> Flask:
    """Build the application. It opens connections only with the first request."""
    settings = settings or Settings()
    app = Application(
        "project.server",
        template_folder=str(_CLIENT / "templates"),
        static_folder=str(_CLIENT / "static"),
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.max_picture_bytes + FORM_OVERHEAD_BYTES
    app.extensions["services"] = build_services(Assembly(settings))
    install_access_log(app)
    install_problems(app)
    protect(app)
    for blueprint in (
        main,
        pages,
        jobs,
        kinds,
        queues,
        files,
        dead_letters,
        schedules,
        signups,
        job_log,
        sse,
        websocket,
        health,
        reference,
    ):
        app.register_blueprint(blueprint)
    return app
