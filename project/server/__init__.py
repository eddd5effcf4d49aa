"""The web application: parses requests, hands work to `submission`, shows what the ledger says.

`pages` and `main` serve the page and the tutorial's routes, `api` the product's, `signups` the
sign-up, `health` answers probes. `live` and `sockets` push the changes that `news` collects.
`job_log` shows what a job's code has logged, `log_news` follows it, `log_text` writes it as text.
`parsing` and `presenting` turn requests into values and values into JSON, as `documents` says they
look; `openapi` describes all of it, for `reference` to show. `problems` decides every error's HTTP
status.
"""

from pathlib import Path
from typing import Any

from flask import Flask

from project.config import Settings
from project.jobs import load_kinds
from project.server import (
    access_log,
    api,
    dead_letters,
    health,
    job_log,
    live,
    pages,
    problems,
    reference,
    signups,
    sockets,
)
from project.server.ids import IdConverter
from project.server.main import views
from project.server.security import protect
from project.server.services import build_services

_CLIENT = Path(__file__).parent.parent / "client"
_FORM_OVERHEAD_BYTES = 64 * 1024


def create_app(settings: Settings | None = None, **_: Any) -> Flask:
    """The application. Opens no connection; those follow with the first request."""
    settings = settings or Settings()
    load_kinds(settings.extra_kinds)
    app = Flask(
        __name__, template_folder=str(_CLIENT / "templates"), static_folder=str(_CLIENT / "static")
    )
    app.secret_key = settings.secret_key
    app.json.sort_keys = False  # type: ignore[attr-defined]  # documents keep their written order
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes + _FORM_OVERHEAD_BYTES
    app.extensions["services"] = build_services(settings)
    app.url_map.converters["id"] = IdConverter
    access_log.install(app)
    problems.install(app)
    protect(app)
    for blueprint in (
        views.main_blueprint,
        pages.blueprint,
        api.blueprint,
        dead_letters.blueprint,
        signups.blueprint,
        job_log.blueprint,
        live.blueprint,
        sockets.blueprint,
        health.blueprint,
        reference.blueprint,
    ):
        app.register_blueprint(blueprint)
    return app
