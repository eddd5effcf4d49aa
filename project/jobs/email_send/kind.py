"""`email.send`: a mail of their own to one person or to many, as text and HTML, with attachments.

No recipient gets a second mail from the same job, wherever SMTP allows to know that. The job
remembers of each recipient what the server has said, and, just before the last step of a mail,
that the answer is not known yet (`mail_deliveries`). An attempt that follows a killed worker
leaves out whom the server has answered. Only who was between that last step and the answer is in
doubt, for milliseconds as a rule: SMTP has no way to ask a server whether it has taken a mail
(RFC 1047). `when_in_doubt` decides: "skip" sends nothing more to such a recipient and reports
`unknown`; "send" sends the mail again under the same Message-ID, by which many receivers, and not
all, find and drop the copy.
"""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from project.errors import PermanentError
from project.jobs.email_send.addresses import Address
from project.jobs.email_send.deliveries import Deliveries
from project.jobs.email_send.letters import (
    ONE_LINE,
    Letter,
    domain_of,
    make_filler,
    make_message_id,
    read_attachments,
)
from project.kinds.definition import Context, job
from project.kinds.files import AnyFile
from project.kinds.parameters import Parameters

MAX_ATTEMPTS = 10
"""In about half an hour: servers that make unknown senders wait (greylisting) ask for minutes."""
SHORT_RECIPIENTS = 5
MOST_VALUE_BYTES = 100_000
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}$")]


class EmailParameters(Parameters):
    """The mail, and whom it goes to."""

    recipient: Address | None = Field(
        None,
        title="Recipient",
        description="One address; or else give several",
        examples=["ada@example.org"],
    )
    recipients: list[Address] = Field(
        [],
        title="Recipients",
        description="Several addresses: each gets a mail of its own, and sees no other address",
        max_length=100,
        examples=[["ada@example.org", "grace@example.org"]],
    )
    subject: str = Field(
        title="Subject",
        min_length=1,
        max_length=200,
        pattern=ONE_LINE,
        description="One line; may hold values, as in `Order {{ number }}`",
        examples=["Your report"],
    )
    text: str = Field(
        title="Text",
        min_length=1,
        max_length=50_000,
        description="The mail as plain text; may hold values",
        examples=["Hello Ada,\n\nhere it is.\n"],
    )
    html: str = Field(
        "",
        title="HTML",
        max_length=200_000,
        description="The same as HTML, for those who want it; values in it are escaped",
    )
    values: dict[Name, JsonValue] | None = Field(
        None,
        title="Values",
        description="Values by name: with them subject, text and HTML are templates; `recipient` "
        "is there by itself. Without them braces are nothing special",
        examples=[{"name": "Ada"}],
    )
    attachments: list[AnyFile] = Field(
        [], title="Attachments", description="Files of 25 MB in all", max_length=20
    )
    attachment_names: list[Annotated[str, Field(max_length=255)]] = Field(
        [],
        title="Names of the attachments",
        description="As the recipients see them, in the same order",
        max_length=20,
        examples=[["report.pdf"]],
    )
    reply_to: Address | None = Field(
        None,
        title="Answers go to",
        description="An address; else the sender's",
    )
    when_in_doubt: Literal["skip", "send"] = Field(
        "skip",
        title="When in doubt",
        description="Where a worker was killed before the mail server's answer came: skip that "
        "recipient and say so, or send the mail again (under the same Message-ID)",
    )

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if (self.recipient is None) == (not self.recipients):
            raise PydanticCustomError("choice", "give either `recipient` or `recipients`")
        if len(self.attachment_names) > len(self.attachments):
            raise PydanticCustomError("names", "there are more names than attachments")
        return self

    @model_validator(mode="after")
    def _check_templates(self) -> Self:
        if self.values is None:
            return self
        _check_values(self.values)
        # Jinja2 takes a megabyte: only where there are templates.
        from project.jobs.email_send.templates import parse  # noqa: PLC0415

        try:
            for part, source in self.template.items():
                parse(part, source).check_names({*self.values, "recipient"})
        except PermanentError as error:
            sentence = str(error).rstrip(".")
            raise PydanticCustomError("template", "{sentence}", {"sentence": sentence}) from None
        return self

    @property
    def addresses(self) -> list[str]:
        """Whom it goes to, each once."""
        return list(dict.fromkeys([self.recipient] if self.recipient else self.recipients))

    @property
    def template(self) -> dict[str, str]:
        """The parts that values may be in."""
        return {"subject": self.subject, "text": self.text, "html": self.html}


def _check_values(values: dict[str, Any]) -> None:
    try:
        size = len(json.dumps(values, ensure_ascii=False).encode())
    except (RecursionError, ValueError):
        raise PydanticCustomError(
            "values", "the values are nested too deeply, or have half a character in them"
        ) from None
    if size > MOST_VALUE_BYTES:
        raise PydanticCustomError(
            "values",
            "the values have more than {most} bytes of JSON: send fewer",
            {"most": MOST_VALUE_BYTES},
        )


def choose_queue(parameters: EmailParameters) -> Literal["short", "long"]:
    """A mail to many goes to the long queue."""
    return "short" if len(parameters.addresses) <= SHORT_RECIPIENTS else "long"


@job(
    "email.send",
    title="E-mail",
    queue=choose_queue,
    time_limit_seconds=900,
    max_attempts=MAX_ATTEMPTS,
    retry_delay_seconds=5,
)
def send_email(parameters: EmailParameters, context: Context) -> dict[str, Any]:
    """Send a mail to one person, or one to each of many, with attachments.

    `outcomes` tells of each, in the order of the recipients: `{"number", "recipient", "outcome",
    "code", "answer", "message_id"}`, where the outcome is `sent`, `refused`, `deferred` (given up
    after many attempts) or `unknown`. Addresses are shortened there: everybody may see a result.
    The job succeeds where at least one was sent.
    """
    addresses = parameters.addresses
    context.report_progress(0, len(addresses), "Preparing the mail")
    letters = make_letters(parameters, context)
    deliveries = Deliveries(
        letters, context, is_to_skip=parameters.when_in_doubt == "skip", max_attempts=MAX_ATTEMPTS
    )
    deliveries.make()
    return deliveries.conclude()


def make_letters(parameters: EmailParameters, context: Context) -> list[Letter]:
    """What each recipient gets; PermanentError where a template or an attachment does not do."""
    attached = read_attachments(parameters.attachments, parameters.attachment_names, context.files)
    domain = domain_of(context.mail)
    fill = make_filler(parameters.template, parameters.values)
    letters = []
    for number, address in enumerate(parameters.addresses, start=1):
        context.check()
        letters.append(
            Letter(
                recipient=address,
                message_id=make_message_id(context.job_id, number, domain),
                reply_to=parameters.reply_to,
                attachments=attached,
                **fill(address),
            )
        )
    return letters
