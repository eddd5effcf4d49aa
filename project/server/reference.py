"""The API's description for programs: `/openapi.json`."""

from flask import Blueprint, Response, current_app

from project.server.openapi import build_document

blueprint = Blueprint("reference", __name__)


@blueprint.get("/openapi.json")
def get_description() -> Response:
    """The description, made once per process: routes and kinds do not change."""
    store = current_app.extensions
    if "openapi" not in store:
        store["openapi"] = current_app.json.dumps(build_document(current_app))
    return Response(store["openapi"], content_type="application/json")
