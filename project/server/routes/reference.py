"""The API's description for programs (`/openapi.json`) and for people (`/api/`)."""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, current_app, render_template, send_from_directory

from project.server.openapi import build_document

# Swagger UI from a package: the page loads nothing from other hosts.
_ASSETS = Path(str(files("flask_swagger_ui"))) / "dist"
_SECONDS = 24 * 3600

blueprint = Blueprint("reference", __name__)


@blueprint.get("/openapi.json")
def get_description() -> Response:
    """The OpenAPI document, made once per process: routes and kinds do not change."""
    store = current_app.extensions
    if "openapi" not in store:
        store["openapi"] = current_app.json.dumps(build_document(current_app))
    return Response(store["openapi"], content_type="application/json")


@blueprint.get("/api/")
def show() -> str:
    """The page on which to read and try the API."""
    return render_template("reference.html")


@blueprint.get("/api/assets/<any('swagger-ui.css', 'swagger-ui-bundle.js'):name>")
def get_asset(name: str) -> Response:
    """The page's style and script."""
    return send_from_directory(_ASSETS, name, max_age=_SECONDS)
