"""`sign_up`: what the page's form starts: thumbnails of a picture and a mail, beside each other."""

from typing import Any

from project.kinds.context import Context, require_all
from project.kinds.definition import job
from project.kinds.files import PictureFile
from project.kinds.parameters import Parameters
from project.kinds.result_view import show

PICTURE, MAIL = "picture", "mail"
"""The keys of the two parts."""
KINDS_NEEDED = ("sign_up", "image.thumbnail", "email.send")
"""A sign-up is offered where all of these are."""


class SignUpParameters(Parameters):
    """A picture that was checked, and the mail with the link."""

    picture: PictureFile
    mail: dict[str, Any]


def list_parts(parameters: SignUpParameters) -> list[tuple[str, dict[str, Any], str]]:
    """Kind, parameters and key of each part."""
    return [
        ("image.thumbnail", {"picture": parameters.picture}, PICTURE),
        ("email.send", parameters.mail, MAIL),
    ]


@job(
    "sign_up",
    title="Sign-up",
    queue="short",
    time_limit_seconds=60,
    is_internal=True,
    extra="images",
)
def sign_up(parameters: SignUpParameters, context: Context) -> dict[str, Any]:
    """Succeeds when both parts have. A mail goes out even where the picture is damaged."""
    children = context.gather(context.submit_many(list_parts(parameters)))
    require_all(children)
    return show("The picture is resized, and the mail is on its way")
