"""The sign-up: makes thumbnails of a picture and confirms an address by mail."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from flask import Blueprint, Response, jsonify, render_template, url_for

from project.api.signups import SignUp as SignUpDocument
from project.api.signups import SignUpForm, SignUpList, serialize_signup
from project.errors import JobsError, LinkExpiredError, LinkInvalidError, NotFoundError
from project.jobs import get_kind
from project.jobs.sign_up import KINDS_NEEDED, MAIL, PICTURE, SignUpParameters, list_parts
from project.ledger import Job
from project.server.access_log import current_trace
from project.server.openapi import FORM, SIGNUP_LINKS, Answer, describe
from project.server.parsing import read_email, read_owner, read_picture
from project.server.services import Services, get_services
from project.signups import SignUp
from project.submission.preparation import Submission, make_child, prepare

blueprint = Blueprint("signups", __name__)
SUBJECT = "Confirm your email address"


@blueprint.post("/api/v1/signups")
@describe(
    "Sign up",
    Answer(202, SignUpDocument, headers=("Location",), links=SIGNUP_LINKS),
    tag="sign-ups",
    body=SignUpForm,
    body_type=FORM,
    problems=(404, 422, 503),
)
def sign_up() -> tuple[Response, int, dict[str, str]]:
    """A form with `picture` and `email` → 202 and the sign-up with the ids of its jobs.

    The jobs are one tree: `job` is the root and finishes when both child jobs have. 404 if one of
    their kinds is not offered.
    """
    for name in KINDS_NEEDED:
        get_kind(name)
    from project.pictures import check_picture  # noqa: PLC0415 - loads Pillow only when needed

    picture, email, services = read_picture(), read_email(), get_services()
    suffix = check_picture(picture.stream, picture.mimetype, services.settings.max_picture_pixels)
    signup = SignUp.begin(email, read_owner())
    file_id = services.files.take(picture.stream, suffix=suffix).id
    try:
        submissions, ids = _make_jobs(
            Submission(
                kind="sign_up",
                parameters={"picture": file_id, "mail": _compose(services, signup)},
                owner=signup.owner,
                job_id=signup.job,
            )
        )
        signup = replace(signup, picture_job=ids[PICTURE], mail_job=ids[MAIL])
        _start(services, signup, submissions)
    except BaseException:  # includes Redis's errors: a refused sign-up must leave no file
        services.files.delete(file_id)
        raise
    services.signups.announce(signup)
    location = url_for("signups.get_signup", signup_id=signup.id)
    return jsonify(serialize_signup(signup)), 202, {"Location": location}


@blueprint.get("/api/v1/signups")
@describe(
    "List this browser's sign-ups",
    Answer(200, SignUpList),
    tag="sign-ups",
    problems=(503,),
)
def list_signups() -> Response:
    """This browser's sign-ups, newest first."""
    found = get_services().signups.list_owned(read_owner())
    return jsonify(signups=[serialize_signup(signup) for signup in found])


@blueprint.get("/api/v1/signups/<signup_id>")
@describe("Get a sign-up", Answer(200, SignUpDocument), tag="sign-ups", problems=(503,))
def get_signup(signup_id: str) -> Response:
    """One sign-up."""
    return jsonify(serialize_signup(get_services().signups.get(signup_id)))


@blueprint.get("/confirm/<token>")
def show_confirmation(token: str) -> Response:
    """The link in the mail: a page with the button that confirms.

    Opening the link changes nothing, because mail scanners open links too.
    """
    return _answer_link(get_services().signups.find_by_link, token)


@blueprint.post("/confirm/<token>")
def confirm(token: str) -> Response:
    """The button on that page: confirms the address."""
    return _answer_link(get_services().signups.confirm, token)


def _answer_link(look: Callable[[str], SignUp], token: str) -> Response:
    """The page for a link; `look` finds its sign-up."""
    button = ""
    try:
        signup = look(token)
    except LinkExpiredError:
        title, text, status = "This link has expired", "Sign up again to get a new one.", 410
    except (LinkInvalidError, NotFoundError):
        title, text, status = (
            "This link does not work",
            "Copy the complete link, or sign up again.",
            404,
        )
    else:
        status = 200
        if signup.confirmed_at:
            title, text = "Confirmed", f"{signup.email} is confirmed. Thank you!"
        else:
            title, button = "Confirm your address", "Confirm"
            text = f"Somebody signed up with {signup.email}. If it was you, confirm the address."
    page = render_template("message.html", title=title, text=text, status=status, button=button)
    response = Response(page, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _start(services: Services, signup: SignUp, submissions: Sequence[Submission]) -> None:
    """Record the sign-up and submit its jobs, or undo everything."""
    submitter = services.submitter
    services.signups.add(signup)
    try:
        answers = submitter.submit_many(submissions, current_trace())
        refusals = [answer for answer in answers if isinstance(answer, JobsError)]
        if refusals:
            for answer in answers:
                if isinstance(answer, Job):
                    submitter.withdraw(answer)
            raise refusals[0]
    except BaseException:
        services.signups.remove(signup)
        raise


def _make_jobs(signup_job: Submission) -> tuple[list[Submission], dict[str, str]]:
    """The sign-up's root job and its child jobs, and the child jobs' ids by key.

    The route, not the root job, submits the child jobs, so that it can return their ids.
    """
    own = prepare(signup_job, current_trace().trace_id).job
    parameters = SignUpParameters.model_validate(own.parameters)
    parts = [make_child(own, *part) for part in list_parts(parameters)]
    ids = {part.key: prepare(part, own.trace_id).job.id for part in parts}
    return [signup_job, *parts], ids


def _compose(services: Services, signup: SignUp) -> dict[str, str]:
    settings = services.settings
    link = f"{settings.public_url.rstrip('/')}/confirm/{services.signups.make_token(signup)}"
    hours = round(settings.confirmation_seconds / 3600, 1)
    return {
        "recipient": signup.email,
        "subject": SUBJECT,
        "text": render_template("mail/confirm.txt", link=link, hours=f"{hours:g}"),
        "html": render_template("mail/confirm.html", link=link, hours=f"{hours:g}"),
        # A second mail with the same link does no harm; without a link nobody can confirm.
        "when_in_doubt": "send",
    }
