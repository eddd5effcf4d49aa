"""`email.send`: one mail to one person, as text and HTML."""

from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from pydantic import BaseModel, EmailStr, Field

from project.jobs.definition import Context, job
from project.lane import Lane

# A header may hold no control character and no line break, those that only Unicode knows included.
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"


class EmailParameters(BaseModel):
    """The mail."""

    recipient: EmailStr
    subject: str = Field(min_length=1, max_length=200, pattern=_ONE_LINE)
    text: str = Field(min_length=1, max_length=50_000)
    html: str = Field("", max_length=200_000)


@job(
    "email.send",
    title="E-mail",
    lane=Lane.SHORT,
    time_limit_seconds=60,
    max_attempts=6,
    retry_delay_seconds=5,
)
def send_email(parameters: EmailParameters, context: Context) -> dict[str, Any]:
    """Hand the mail to the mail server: `{"message_id"}`."""
    context.report_progress(0, 1, "Handing the mail to the mail server")
    message = compose(parameters)
    context.send_mail(message)
    return {"message_id": message["Message-ID"]}


def compose(parameters: EmailParameters) -> EmailMessage:
    """The mail, but for its sender, which the mail server's settings know."""
    message = EmailMessage()
    message["To"] = parameters.recipient
    message["Subject"] = parameters.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="jobs.localhost")
    message.set_content(parameters.text)
    if parameters.html:
        message.add_alternative(parameters.html, subtype="html")
    return message
