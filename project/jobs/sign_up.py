"""`sign_up`: the job behind the page's form: thumbnails of a picture and a mail, in parallel."""

from typing import Any

from project.kinds.context import Context, require_all
from project.kinds.definition import job
from project.kinds.files import PictureFile
from project.kinds.parameters import Parameters
from project.kinds.result_view import show

PICTURE, MAIL = "picture", "mail"
"""The keys of the two child jobs."""
KINDS_NEEDED = ("sign_up", "image.thumbnail", "email.send")
"""The page offers the sign-up form if all of these are offered."""


class SignUpParameters(Parameters):
    """A checked picture, and the mail with the confirmation link."""

    picture: PictureFile
    mail: dict[str, Any]


def list_parts(parameters: SignUpParameters) -> list[tuple[str, dict[str, Any], str]]:
    """Kind, parameters and key of each child job."""
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
    """Succeeds when both child jobs have. The mail is sent even if the picture is damaged."""
    children = context.gather(context.submit_many(list_parts(parameters)))
    require_all(children)
    return show("The picture was resized and the mail was sent")
