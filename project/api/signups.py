"""The page's form, and sign-ups."""

from typing import Any

from pydantic import Field

from project.api.values import AnswerDocument, Moment, RequestDocument
from project.jobs.email_send.addresses import Address
from project.signups import SignUp as KeptSignUp


class SignUpForm(RequestDocument):
    """A picture and an address."""

    picture: bytes = Field(
        description="A JPEG, PNG, GIF or WebP file",
        json_schema_extra={"format": "binary", "contentMediaType": "image/*"},
    )
    email: Address = Field(description="The address that gets the confirmation link")


class SignUp(AnswerDocument):
    """A sign-up and the ids of its jobs: the root and its two child jobs."""

    id: str
    email: str
    job: str
    picture_job: str
    mail_job: str
    created_at: Moment
    confirmed_at: Moment | None


class SignUpList(AnswerDocument):
    """Sign-ups, newest first."""

    signups: list[SignUp]


def serialize_signup(signup: KeptSignUp) -> dict[str, Any]:
    """A sign-up and the ids of its jobs."""
    return SignUp(
        id=signup.id,
        email=signup.email,
        job=signup.job,
        picture_job=signup.picture_job,
        mail_job=signup.mail_job,
        created_at=signup.created_at,
        confirmed_at=signup.confirmed_at or None,
    ).model_dump()
