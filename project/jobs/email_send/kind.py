"""`email.send`: sends a separate mail to each recipient, as text and HTML, with attachments.

A job sends no recipient a second mail, as far as SMTP allows to know that. The job remembers the
server's answer for each recipient and, just before the last step of a mail, that the answer is not
known yet (`deliveries`). After a worker was killed, the next attempt skips the recipients whose
answer is known. Only a recipient between that last step and the answer is in doubt, usually for
milliseconds: SMTP cannot ask a server whether it has accepted a mail (RFC 1047). `when_in_doubt`
decides: "skip" sends this recipient nothing more and reports `unknown`; "send" sends the mail again
under the same Message-ID, by which many receivers, but not all, recognise and drop the copy.
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
"""Over about half an hour; servers that make unknown senders wait (greylisting) want minutes."""
SHORT_RECIPIENTS = 5
MOST_VALUE_BYTES = 100_000
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}$")]


class EmailParameters(Parameters):
    """The mail and its recipients."""

    recipient: Address | None = Field(
        None,
        title="Recipient",
        description="One address; leave it out to give several",
        examples=["ada@example.org"],
    )
    recipients: list[Address] = Field(
        [],
        title="Recipients",
        description="Several addresses; each gets a separate mail and sees no other address",
        max_length=100,
        examples=[["ada@example.org", "grace@example.org"]],
    )
    subject: str = Field(
        title="Subject",
        min_length=1,
        max_length=200,
        pattern=ONE_LINE,
        description="One line; may contain values, as in `Order {{ number }}`",
        examples=["Your report"],
    )
    text: str = Field(
        title="Text",
        min_length=1,
        max_length=50_000,
        description="The mail as plain text; may contain values",
        examples=["Hello Ada,\n\nhere it is.\n"],
    )
    html: str = Field(
        "",
        title="HTML",
        max_length=200_000,
        description="The same mail as HTML, optional; values in it are escaped",
    )
    values: dict[Name, JsonValue] | None = Field(
        None,
        title="Values",
        description="Values by name, for `{{ name }}` in subject, text and HTML; `recipient` is "
        "always defined. Without values, braces are plain text",
        examples=[{"name": "Ada"}],
    )
    attachments: list[AnyFile] = Field(
        [], title="Attachments", description="Files, 25 MB in total at most", max_length=20
    )
    attachment_names: list[Annotated[str, Field(max_length=255)]] = Field(
        [],
        title="Attachment names",
        description="File names that the recipients see, in the same order",
        max_length=20,
        examples=[["report.pdf"]],
    )
    reply_to: Address | None = Field(
        None,
        title="Reply to",
        description="Address for replies; the sender's if left out",
    )
    when_in_doubt: Literal["skip", "send"] = Field(
        "skip",
        title="When in doubt",
        description="If a worker was killed before the mail server answered: skip that recipient "
        "and report it, or send the mail again with the same Message-ID",
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
        # Jinja2 takes a megabyte, so it is loaded only for templates.
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
        """The recipients' addresses, each once."""
        return list(dict.fromkeys([self.recipient] if self.recipient else self.recipients))

    @property
    def template(self) -> dict[str, str]:
        """The parts that may contain values."""
        return {"subject": self.subject, "text": self.text, "html": self.html}


def _check_values(values: dict[str, Any]) -> None:
    try:
        size = len(json.dumps(values, ensure_ascii=False).encode())
    except (RecursionError, ValueError):
        raise PydanticCustomError(
            "values", "the values are nested too deeply, or contain half a character"
        ) from None
    if size > MOST_VALUE_BYTES:
        raise PydanticCustomError(
            "values",
            "the values may have at most {most} bytes as JSON",
            {"most": MOST_VALUE_BYTES},
        )


def choose_queue(parameters: EmailParameters) -> Literal["short", "long"]:
    """Mails to more than five recipients go to the long queue."""
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
    """Send a mail to one person, or a separate mail to each of many, with attachments.

    `outcomes` lists each mail, in the order of the recipients: `{"number", "recipient", "outcome",
    "code", "answer", "message_id"}`, where the outcome is `sent`, `refused`, `deferred` (not
    accepted in any attempt) or `unknown`. It shortens addresses, because everybody may see a
    result. The job succeeds if at least one mail was sent.
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
    """Make each recipient's letter; PermanentError if a template or an attachment is unusable."""
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
