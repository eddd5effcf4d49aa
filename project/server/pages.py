"""The pages: a browser's jobs, one job, the schedules, and the forms that submit jobs."""

import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, render_template, request, url_for

from project.config import Settings
from project.jobs import KINDS, get_offered
from project.jobs.sign_up import KINDS_NEEDED
from project.ledger.run_times import RunTime
from project.server.parsing import OWNER_COOKIE, read_owner
from project.server.routes.kinds import find_run_times
from project.server.services import get_services

COOKIE_SECONDS = 365 * 24 * 3600
_MINUTE, _HOUR = 60, 3600

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> Response:
    """This browser's jobs and sign-ups, live."""
    settings = get_services().settings
    return _page(
        "home.html",
        max_picture_bytes=settings.max_picture_bytes,
        can_sign_up=KINDS.keys() >= set(KINDS_NEEDED),
        tools=_tools(settings),
    )


@blueprint.get("/new")
def choose_kind() -> Response:
    """The list of kinds."""
    offered = [kind for kind in KINDS.values() if not kind.is_internal]
    run_times = find_run_times()
    notes = {
        kind.name: describe_blocking([one for one in run_times if one.kind == kind.name])
        for kind in offered
    }
    return _page("kinds.html", kinds=offered, notes=notes)


def describe_blocking(times: Sequence[RunTime]) -> str:
    """A sentence for each queue that a kind with these run times blocks; empty without any."""
    return " ".join(
        f"Holds up the {one.queue} queue: one in twenty runs for "
        f"{_describe_seconds(one.p95_seconds)} or longer."
        for one in times
        if one.blocks_queue
    )


def _describe_seconds(seconds: float) -> str:
    """Format a duration, as in "48 s", "3 min", "1.5 h"."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f}".removesuffix(".0") + " h"


@blueprint.get("/new/<name>")
def show_form(name: str) -> Response:
    """The form that submits a job of a kind; UnknownKindError if the kind is not offered."""
    kind = get_offered(name)
    limit = get_services().settings.max_upload_bytes
    return _page("new_job.html", kind=kind, max_upload_bytes=limit)


@blueprint.get("/schedules")
def show_schedules() -> Response:
    """The list of schedules."""
    return _page("schedules.html", max_upload_bytes=get_services().settings.max_upload_bytes)


@blueprint.get("/jobs/<id:job_id>")
def show_job(job_id: str) -> Response:
    """One job, live; NotFoundError or GoneError if it does not exist."""
    job = get_services().ledger.get(job_id)
    kind = KINDS.get(job.kind)
    return _page("job.html", job=job, title=kind.title if kind else job.kind)


def _page(template: str, **values: Any) -> Response:
    """A page; a new browser gets a cookie with an id, by which it finds its jobs."""
    response = make_response(render_template(template, **values))
    response.headers["Cache-Control"] = "no-store"
    if not read_owner():
        response.set_cookie(
            OWNER_COOKIE,
            secrets.token_urlsafe(16),
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            # A proxy may terminate TLS without telling us.
            secure=request.is_secure or get_services().settings.public_url.startswith("https:"),
        )
    return response


def _tools(settings: Settings) -> dict[str, str]:
    """Links to the API's reference and the operator's tools; in production only configured ones."""
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
