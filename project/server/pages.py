"""The page itself."""

import secrets
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, render_template, request, url_for

from project.config import Settings
from project.server.parsing import OWNER_COOKIE, read_owner
from project.server.services import services

COOKIE_SECONDS = 365 * 24 * 3600

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> Response:
    """The page; a browser that comes for the first time gets its own id, to find its jobs by."""
    settings = services().settings
    page = render_template(
        "home.html", max_picture_bytes=settings.max_picture_bytes, tools=_tools(settings)
    )
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    if not read_owner():
        response.set_cookie(
            OWNER_COOKIE,
            secrets.token_urlsafe(16),
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure,
        )
    return response


def _tools(settings: Settings) -> dict[str, str]:
    """The API's reference and the operator's tools: in production those of the settings."""
    return {"API": url_for("reference.show"), **_operators_tools(settings)}


def _operators_tools(settings: Settings) -> dict[str, str]:
    if settings.tool_links or settings.environment == "production":
        return settings.tool_links
    host = urlsplit(settings.public_url).hostname
    ports = {
        "RabbitMQ console": urlsplit(settings.management_url).port,
        "Flower": settings.flower_port,
        "Mail": settings.mailcatcher_port,
    }
    return {name: f"http://{host}:{port}/" for name, port in ports.items()}
