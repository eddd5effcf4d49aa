"""`email.send`, called as a plain function beside a mail server in the test's own process."""

import json
import traceback
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from project.errors import CancelledError, InvalidInputError, PermanentError, TemporaryError
from project.files import FileStore
from project.files.job_files import JobFiles
from project.jobs import get_kind
from project.jobs.email_send.kind import MAX_ATTEMPTS
from project.jobs.email_send.letters import MOST_ATTACHED_BYTES, make_message_id, make_name
from project.kinds.definition import Context
from project.mail import MailServer
from tests.builders import an_unused_port
from tests.mail_reader import read_header, read_text
from tests.mail_server import DROPPED, MailRoom, listening

KIND = get_kind("email.send")
ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"
MAIL = {
    "recipient": ADA,
    "subject": "Confirm your email address",
    "text": "Open this link:\n\nhttp://localhost:5004/confirm/token\n",
    "html": "<p>Open <a href='http://localhost:5004/confirm/token'>this link</a></p>",
}
TO_THREE = {"recipients": [ADA, BOB, EVE], "subject": "Hello", "text": "Hello\n"}


class Job:
    """One job over its attempts: what it remembers outlives them."""

    def __init__(self, port: int, folder: Path) -> None:
        self.files = FileStore(str(folder))
        self.memory: dict[str, Any] = {}
        self.server = MailServer(f"smtp://127.0.0.1:{port}", "jobs@example.com")

    def run(self, parameters: dict[str, Any], **equipment: Any) -> Any:
        """One attempt."""
        context = Context(
            job_id="job-1",
            memory=self.memory,
            files=JobFiles(self.files),
            mail=self.server,
            **equipment,
        )
        return KIND.run(KIND.parse(parameters), context)


@pytest.fixture
def room() -> MailRoom:
    return MailRoom()


@pytest.fixture
def job(room: MailRoom, tmp_path: Path) -> Iterator[Job]:
    with listening(room) as port:
        yield Job(port, tmp_path)


def body_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def nested(depth: int) -> Any:
    """A list in a list in a list …"""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def outcomes_of(result: Any) -> list[str]:
    return [each["outcome"] for each in result["outcomes"]]


# ── What a mail is ─────────────────────────────────────────────────────────────────────────────


def test_mail_goes_to_the_recipient_with_its_subject(room: MailRoom, job: Job) -> None:
    job.run(MAIL)

    message = room.message(ADA)
    assert message["To"] == ADA
    assert message["From"] == "jobs@example.com"
    assert message["Subject"] == "Confirm your email address"
    assert parsedate_to_datetime(message["Date"]).year >= 2026


def test_mail_is_text_with_html_as_the_alternative(room: MailRoom, job: Job) -> None:
    job.run(MAIL)

    message = room.message(ADA)
    assert message.get_content_type() == "multipart/alternative"
    assert body_of(message, "plain") == MAIL["text"]
    assert body_of(message, "html").strip() == MAIL["html"]


def test_mail_without_html_is_plain_text(room: MailRoom, job: Job) -> None:
    job.run({**MAIL, "html": ""})

    assert room.message(ADA).get_content_type() == "text/plain"


def test_other_alphabets_arrive_whole_over_seven_bits(room: MailRoom, job: Job) -> None:
    job.run({**MAIL, "subject": "Größe ☕ 確認", "text": "Привет\n"})

    assert room.received[ADA][0].isascii()
    assert room.message(ADA)["Subject"] == "Größe ☕ 確認"
    assert body_of(room.message(ADA), "plain") == "Привет\n"


def test_long_link_is_not_broken(room: MailRoom, job: Job) -> None:
    link = "http://localhost:5004/confirm/" + "x" * 900

    job.run({**MAIL, "text": f"{link}\n"})

    assert link in body_of(room.message(ADA), "plain")


def test_result_of_one_mail_names_its_id(room: MailRoom, job: Job) -> None:
    result = job.run(MAIL)

    assert result["message_id"] == room.message(ADA)["Message-ID"]
    assert result["summary"] == "Mail sent"
    assert result["tables"][0]["rows"] == [[1, "a…@example.org", "sent", 250, "OK: queued as 7"]]


def test_answers_go_where_the_sender_wants_them(room: MailRoom, job: Job) -> None:
    job.run({**MAIL, "reply_to": "help@example.org"})

    assert room.message(ADA)["Reply-To"] == "help@example.org"


def test_message_id_is_the_same_in_every_attempt_and_another_for_others() -> None:
    assert make_message_id("a", 1, "example.com") == make_message_id("a", 1, "example.com")
    assert len({make_message_id(job, number, "x") for job in "ab" for number in (1, 2)}) == 4
    assert make_message_id("a", 1, "example.com").endswith("@example.com>")
    assert make_message_id("", 1, "x") != make_message_id("", 1, "x")


def test_result_tells_no_address(room: MailRoom, job: Job) -> None:
    """Everybody who may see the job sees its result, and not what it was given."""
    room.answer_recipient(BOB, f"550 5.1.1 <{BOB}>: Recipient rejected")

    result = job.run(TO_THREE)

    assert "ada@" not in json.dumps(result)
    assert "bob@" not in json.dumps(result)
    assert result["tables"][0]["rows"][1] == [
        *(2, "b…@example.org", "refused", 550),
        "5.1.1 <b…@example.org>: Recipient rejected",
    ]


# ── Many recipients ────────────────────────────────────────────────────────────────────────────


def test_each_recipient_gets_a_mail_of_their_own_and_sees_no_other(
    room: MailRoom, job: Job
) -> None:
    result = job.run({**TO_THREE, "recipients": [ADA, BOB, EVE, ADA]})

    for address in (ADA, BOB, EVE):
        (content,) = room.received[address]
        assert [each for each in (ADA, BOB, EVE) if each.encode() in content] == [address]
    assert result["summary"] == "3 mails sent"
    assert len({each["message_id"] for each in result["outcomes"]}) == 3


def test_refused_recipient_is_told_of_and_the_others_get_their_mail(
    room: MailRoom, job: Job
) -> None:
    room.answer_recipient(BOB, "550 5.1.1 No such user")

    result = job.run(TO_THREE)

    assert result["summary"] == "2 of 3 mails sent, 1 refused"
    assert result["tables"][0]["rows"][1] == [
        2,
        "b…@example.org",
        "refused",
        550,
        "5.1.1 No such user",
    ]


def test_job_fails_where_nobody_was_sent_a_mail(room: MailRoom, job: Job) -> None:
    for address in (ADA, BOB, EVE):
        room.answer_recipient(address, f"550 No {address}")

    with pytest.raises(PermanentError) as caught:
        job.run(TO_THREE)

    assert "None of the 3 mails" in str(caught.value)
    assert "example.org" not in "".join(traceback.format_exception(caught.value))


def test_failure_tells_each_reason_once_with_its_mails(room: MailRoom, job: Job) -> None:
    many = [f"{number}@example.org" for number in range(1, 7)]
    for address in many:
        is_full = address == many[1]
        room.answer_recipient(address, "552 Mailbox full" if is_full else "550 No such user")

    with pytest.raises(PermanentError) as caught:
        job.run({**TO_THREE, "recipients": many})

    assert "1, 3, 4 and 2 more: The mail server" in str(caught.value)
    assert "(code 550). 2: The mail server" in str(caught.value)


def test_refusal_of_the_only_mail_is_the_jobs_error(room: MailRoom, job: Job) -> None:
    room.answer_mail(ADA, "550 No such user here")

    with pytest.raises(
        PermanentError, match=r"^The mail server refused the message \(code 550\).$"
    ):
        job.run(MAIL)


def test_next_attempt_is_for_those_who_were_put_off_alone(room: MailRoom, job: Job) -> None:
    room.answer_recipient(ADA, "550 No")
    room.answer_mail(EVE, "451 Greylisted")
    with pytest.raises(TemporaryError, match=r"1 of 3 mails .*\(code 451\)"):
        job.run(TO_THREE)
    assert len(room.received[BOB]) == 1

    result = job.run(TO_THREE)

    assert outcomes_of(result) == ["refused", "sent", "sent"]
    assert [len(room.received[each]) for each in (ADA, BOB, EVE)] == [0, 1, 1]
    sent = result["outcomes"][2]["message_id"]
    assert room.message(EVE)["Message-ID"] == sent


def test_recipient_who_is_put_off_for_too_long_is_given_up(room: MailRoom, job: Job) -> None:
    room.answer_recipient(EVE, *["451 Later"] * MAX_ATTEMPTS)
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(TemporaryError):
            job.run(TO_THREE)

    result = job.run(TO_THREE)

    assert result["summary"] == "2 of 3 mails sent, 1 not accepted"
    assert result["outcomes"][2]["code"] == 451
    assert [len(room.received[each]) for each in (ADA, BOB)] == [1, 1]


def test_server_that_is_away_is_worth_another_attempt(job: Job) -> None:
    job.server = MailServer(f"smtp://127.0.0.1:{an_unused_port()}", "jobs@example.com")

    with pytest.raises(TemporaryError, match=r"^The mail server does not answer\.$"):
        job.run(MAIL)


def test_server_that_is_away_for_all_attempts_is_the_jobs_error(job: Job) -> None:
    job.server = MailServer(f"smtp://127.0.0.1:{an_unused_port()}", "jobs@example.com")
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(TemporaryError):
            job.run(TO_THREE)


# ── No second mail ─────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """The process is no more; what it had told its memory stays."""


class MemoryOfTheKilled(dict[str, Any]):
    """Ends the process when it is told the given thing of the mail of that number."""

    def __init__(self, name: str, outcome: str) -> None:
        super().__init__()
        self.death: tuple[str, str] | None = (name, outcome)

    def __setitem__(self, name: str, value: Any) -> None:
        if self.death == (name, value["outcome"] if isinstance(value, dict) else ""):
            self.death = None
            if value["outcome"] == "doubt":
                super().__setitem__(name, value)
            raise Killed
        super().__setitem__(name, value)


def test_attempt_after_a_killed_one_leaves_out_whom_the_server_has_answered(
    room: MailRoom, job: Job
) -> None:
    job.memory = MemoryOfTheKilled("mail 1", "doubt")
    with pytest.raises(Killed):
        job.run(TO_THREE)

    result = job.run({**TO_THREE, "when_in_doubt": "send"})

    assert outcomes_of(result) == ["sent", "sent", "sent"]
    assert [len(room.received[each]) for each in (ADA, BOB, EVE)] == [1, 1, 1]


def test_recipient_in_doubt_gets_no_second_mail_and_is_reported(room: MailRoom, job: Job) -> None:
    """Killed after the server had the mail, before its answer was noted."""
    job.memory = MemoryOfTheKilled("mail 1", "sent")
    with pytest.raises(Killed):
        job.run(TO_THREE)

    result = job.run(TO_THREE)

    assert result["summary"] == "2 of 3 mails sent, 1 unknown"
    assert outcomes_of(result) == ["sent", "unknown", "sent"]
    assert [len(room.received[each]) for each in (ADA, BOB, EVE)] == [1, 1, 1]
    assert "was not sent again" in str(result["tables"][0]["rows"][1])


def test_recipient_in_doubt_gets_the_same_mail_again_where_that_is_wanted(
    room: MailRoom, job: Job
) -> None:
    job.memory = MemoryOfTheKilled("mail 1", "sent")
    with pytest.raises(Killed):
        job.run({**TO_THREE, "when_in_doubt": "send"})

    result = job.run({**TO_THREE, "when_in_doubt": "send"})

    assert outcomes_of(result) == ["sent", "sent", "sent"]
    first, second = room.received[BOB]
    (name,) = {line for line in first.splitlines() if line.startswith(b"Message-ID")}
    assert name in second.splitlines()


def test_only_mail_in_doubt_fails_the_job_and_says_so(room: MailRoom, job: Job) -> None:
    room.answer_mail(ADA, DROPPED)

    with pytest.raises(PermanentError, match="whole mail was sent"):
        job.run(MAIL)
    with pytest.raises(PermanentError):
        job.run(MAIL)

    assert len(room.received[ADA]) == 1


def test_lost_answer_is_worth_another_attempt_where_a_copy_does_no_harm(
    room: MailRoom, job: Job
) -> None:
    room.answer_mail(ADA, DROPPED)
    parameters = {**MAIL, "when_in_doubt": "send"}
    with pytest.raises(TemporaryError):
        job.run(parameters)

    assert outcomes_of(job.run(parameters)) == ["sent"]


def test_cancel_stops_before_the_next_mail(room: MailRoom, job: Job) -> None:
    def check() -> None:
        if room.received[ADA]:
            raise CancelledError("The job was asked to stop.")

    with pytest.raises(CancelledError):
        job.run(TO_THREE, check=check)

    assert [len(room.received[each]) for each in (ADA, BOB, EVE)] == [1, 0, 0]


# ── Templates ──────────────────────────────────────────────────────────────────────────────────


def test_values_fill_subject_text_and_html(room: MailRoom, job: Job) -> None:
    values = {
        "name": "Ada",
        "items": [{"title": "Tea", "price": 3.5}, {"title": "Cup", "price": 7}],
    }

    job.run(
        {
            "recipients": [ADA, BOB],
            "subject": "Order for {{ name | upper }}",
            "text": "{% for item in items %}{{ loop.index }}. {{ item.title }}: "
            "{{ item.price | round(2) }}\n{% endfor %}For {{ recipient }}\n",
            "html": "{% if items | length > 1 %}<p>{{ items[0].title }} and more</p>{% endif %}",
            "values": values,
        }
    )

    message = room.message(BOB)
    assert message["Subject"] == "Order for ADA"
    assert body_of(message, "plain") == f"1. Tea: 3.5\n2. Cup: 7\nFor {BOB}\n"
    assert body_of(message, "html").strip() == "<p>Tea and more</p>"


def test_value_never_becomes_markup(room: MailRoom, job: Job) -> None:
    evil = "<script>alert(1)</script> \" ' &"

    job.run(
        {
            **MAIL,
            "text": "{{ name }}",
            "html": "<p title=\"{{ name }}\">{{ names | join('<b>') }}</p>",
            "values": {"name": evil, "names": [evil, evil]},
        }
    )

    html = body_of(room.message(ADA), "html")
    assert "<script" not in html
    assert "<b>" not in html
    assert html.count("&lt;script&gt;") == 3
    assert evil in body_of(room.message(ADA), "plain")


def test_braces_are_nothing_special_without_values(room: MailRoom, job: Job) -> None:
    text = "{{ name }} {% nonsense %} {# kept #}\n"

    job.run({**MAIL, "text": text})

    assert body_of(room.message(ADA), "plain") == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Hi {{ nmae }}", "text: `values` has no 'nmae', which the template needs."),
        ("Hi\n{{ name", "text, line 2"),
        ("{% if name %}", "text, line 1"),
        ("{{ name | markdown }}", "there is no filter 'markdown'"),
        ("{{ name | safe }}", "there is no filter 'safe'"),
        ("{{ name is divisibleby 3 }}", "there is no test 'divisibleby'"),
        ("{% include '/etc/passwd' %}", "only values, `if`"),
        ("{% set x = 1 %}", "only values, `if`"),
        ("{{ name.format('x') }}", "only values, `if`"),
        ("{{ 'x' * 1000000000 }}", "only values, `if`"),
        ("{{ 2 ** 100000000 }}", "only values, `if`"),
        ("{{ name ~ name }}", "only values, `if`"),
        ("{{ '%1000000000d' % 1 }}", "only values, `if`"),
        ("{{ cycler.__init__.__globals__ }}", "has no 'cycler'"),
        ("{{ " + "(" * 20_000 + " }}", "text"),
        ("{% if name %}" * 1_500 + "{% endif %}" * 1_500, "nested too deeply"),
        ("{% for x in name %}" * 101 + "{% endfor %}" * 101, "nested too deeply"),
        ("{{ name }}" * 3_001, "more than 3,000 tags"),
        ("{{ (" + "1," * 5_000 + ") }}", "more than 10,000 names and signs"),
        ("{{ " + "9" * 5_000 + " }}", "a number in the template is too long"),
        ("{% for x in name recursive %}{% endfor %}", "only values, `if`"),
        ("{{ name is none(1) }}", "only values, `if`"),
        ("{{ name | join(*name) }}", "only values, `if`"),
        ("{% filter upper %}{% endfilter %}", "only values, `if`"),
    ],
)
def test_template_that_cannot_be_used_is_refused_at_once(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        KIND.parse({**MAIL, "text": text, "values": {"name": "Ada"}})

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{ order.total }}", "text, line 1: `order` has no 'total'"),
        ("{{ name.__class__ }}", "`name` has no '__class__'"),
        ("{{ name.__class__.__mro__ }}", "`name` has no '__class__'"),
        ("{{ name.upper }}", "`name` has no 'upper'"),
        ("{{ many.append }}", "`many` has no 'append'"),
        ("{{ order.items }}", "`order` has no 'items'"),
        ("{{ order.items.x }}", "`order` has no 'items'"),
        ("{{ many[1000] }}", "`many` has no '1000'"),
        ("\n{{ many[0].x }}", "text, line 2: a value has no 'x'"),
        ("{{ '' | first }}", "no first element"),
        (r"{{ '\ud800' }}", "half a character"),
        ("{% for x in order.rows %}{% endfor %}", "`order` has no 'rows'"),
        ("{% for x in name %}x{% endfor %}", "only on lists and objects"),
        ("{% for x in many %}{% for y in many %}{% endfor %}{% endfor %}", "20,000 rounds"),
        ("{% for x in many %}{{ long }}{% endfor %}", "500,000 characters"),
        ("{{ many | join(long) }}", "500,000 characters"),
        ("{% if name > 3 %}{% endif %}", "does not fit its value"),
        ("{{ name | round }}", "does not fit its value"),
        ("{{ 1 | round(16) }}", "does not fit its value"),
        ("{{ 1 | round(3000000, 'floor') }}", "does not fit its value"),
        ("{% for x in many %}{% if many == many %}{% endif %}{% endfor %}", "500,000 steps"),
    ],
)
def test_template_that_fails_with_these_values_fails_for_good(
    job: Job, text: str, sentence: str
) -> None:
    values = {"name": "Ada", "order": {}, "many": [1] * 1_000, "one": [1], "long": "x" * 2_000}

    with pytest.raises(PermanentError, match=sentence) as caught:
        job.run({**MAIL, "text": text, "values": values})

    assert str(caught.value).startswith("text")


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028"])
def test_value_cannot_add_a_header(room: MailRoom, job: Job, separator: str) -> None:
    values = {"name": f"Ada{separator}Bcc: {EVE}"}

    with pytest.raises(PermanentError, match=r"subject: .* one line"):
        job.run({**MAIL, "subject": "For {{ name }}", "values": values})

    assert not room.received


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?q?Hello=0D=0ABcc:_eve@example.org?=",
        "=?utf-8?q?Hi=0D=0A=0D=0AAnother_text?=",
        "=?utf-8?b?SGkNClJlcGx5LVRvOiBldmVAZXhhbXBsZS5vcmc=?=",
    ],
)
@pytest.mark.parametrize("way", ["subject", "value"])
def test_encoded_word_in_a_subject_is_text(room: MailRoom, job: Job, text: str, way: str) -> None:
    """Python before CVE-2024-6923 was mended made headers and a body of it."""
    changes = (
        {"subject": text} if way == "subject" else {"subject": "{{ a }}", "values": {"a": text}}
    )

    job.run({**MAIL, **changes})

    head, _, body = room.received[ADA][0].partition(b"\r\n\r\n")
    assert read_text(read_header(room.received[ADA][0], "Subject")) == text
    assert b"\nBcc" not in head
    assert b"\nReply-To" not in head
    assert not body.startswith(b"Another")


@pytest.mark.parametrize(
    "subject", ["Bonjour\u00a0! «\u202fOui\u202f»", "👩\u200d👩\u200d👧 {{ name }}"]
)
def test_blanks_and_joiners_of_writing_may_be_in_a_template(
    room: MailRoom, job: Job, subject: str
) -> None:
    job.run({**MAIL, "subject": subject, "values": {"name": "Ada"}})

    expected = subject.replace("{{ name }}", "Ada")
    assert read_text(read_header(room.received[ADA][0], "Subject")) == expected


def test_subject_that_a_template_leaves_empty_is_empty(room: MailRoom, job: Job) -> None:
    job.run({**MAIL, "subject": "{{ name }}", "values": {"name": ""}})

    assert read_header(room.received[ADA][0], "Subject") == ""


@pytest.mark.parametrize(
    "values",
    [
        *({"a b": 1}, {"": 1}, {"a": "x" * 100_001}, {"__a" + "x" * 60: 1}, [1], "x"),
        *({"a": "\ud800"}, {"a": nested(2_000)}, {"a": {1}}, {"a": print}),
    ],
)
def test_values_that_are_no_values_are_refused(values: Any) -> None:
    with pytest.raises(InvalidInputError):
        KIND.parse({**MAIL, "values": values})


# ── Attachments ────────────────────────────────────────────────────────────────────────────────


def test_files_are_attached_with_their_names_and_types(room: MailRoom, job: Job) -> None:
    files = [
        job.files.write(b"%PDF-1.7 report", ".pdf"),
        job.files.write("größe,1\n".encode(), ".csv"),
        job.files.write(b"\0\1", ".bin"),
    ]

    job.run({**MAIL, "attachments": files, "attachment_names": ["Bericht März.pdf", "a.csv"]})

    attached = list(room.message(ADA).iter_attachments())
    assert [(each.get_filename(), each.get_content_type()) for each in attached] == [
        ("Bericht März.pdf", "application/pdf"),
        ("a.csv", "text/csv"),
        ("attachment-3.bin", "application/octet-stream"),
    ]
    assert [each.get_payload(decode=True) for each in attached] == [
        b"%PDF-1.7 report",
        "größe,1\n".encode(),
        b"\0\1",
    ]
    assert body_of(room.message(ADA), "plain") == MAIL["text"]


@pytest.mark.parametrize(
    ("wanted", "suffix", "name"),
    [
        ("report.pdf", ".pdf", "report.pdf"),
        ("photo.JPEG", ".jpg", "photo.jpeg"),
        ("report.exe", ".pdf", "report.exe.pdf"),
        ("archive.zip", ".bin", "archive.zip"),
        ("notes.md", ".txt", "notes.md"),
        ("../../etc/passwd", ".txt", "passwd.txt"),
        ("..\\..\\boot.ini", ".txt", "boot.ini"),
        ("a\r\nBcc: eve@example.org", ".txt", "aBcc_ eve@example.org"),
        ("\u202egnp.exe", ".png", "gnp.exe.png"),
        ("  spaced   out .pdf", ".pdf", "spaced out .pdf"),
        (".htaccess", ".txt", "htaccess.txt"),
        ("", ".pdf", "attachment-2.pdf"),
        ("///", ".pdf", "attachment-2.pdf"),
        ("x" * 300 + ".pdf", ".pdf", "x" * 96 + ".pdf"),
    ],
)
def test_name_of_an_attachment_is_safe_and_tells_the_truth(
    wanted: str, suffix: str, name: str
) -> None:
    assert make_name(wanted, "a" * 32 + suffix, 2) == name


def test_attachments_that_are_too_large_together_are_refused(room: MailRoom, job: Job) -> None:
    half = job.files.write(bytes(MOST_ATTACHED_BYTES // 2 + 1), ".bin")

    with pytest.raises(PermanentError, match=r"25,000,002 bytes in all; at most 25,000,000"):
        job.run({**MAIL, "attachments": [half, half]})

    assert not room.received


# ── What is refused ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("field", ["recipient", "reply_to"])
@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\nBcc: eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org, eve@example.org",
        "ada@example.org;eve@example.org",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "=?utf-8?q?a=0D=0AX?=@example.org",
        "=?utf-8?q?a=0D=0AX?= <ada@example.org>, eve@example.org",
        "a=?b@example.org",
        "",
        7,
    ],
)
def test_address_that_is_not_one_address_is_refused(field: str, address: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        KIND.parse({**MAIL, field: address})

    assert caught.value.field == field


@pytest.mark.parametrize("field", ["recipient", "reply_to"])
@pytest.mark.parametrize(
    "address",
    [
        "ada+news@example.org",
        "o'brien/x!#$%&*={|}~^_`?@example.org",
        "x" * 64 + "@" + ".".join(["y" * 60] * 3) + ".org",
    ],
)
def test_odd_address_that_is_one_is_written_as_it_is(
    room: MailRoom, job: Job, field: str, address: str
) -> None:
    job.run({**MAIL, field: address})

    ((content,),) = room.received.values()
    name = {"recipient": b"To", "reply_to": b"Reply-To"}[field]
    assert name + b": " + address.encode() + b"\r\n" in content


def test_name_before_an_address_is_left_out(room: MailRoom, job: Job) -> None:
    job.run({**MAIL, "recipient": '"=?utf-8?q?a=0D=0AX:_y?=" <ada@example.org>'})

    assert read_header(room.received[ADA][0], "To") == ADA


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": None},
        {"recipients": [BOB]},
        {"recipient": None, "recipients": []},
        {"recipient": None, "recipients": [f"{number}@example.org" for number in range(101)]},
        {"attachment_names": ["report.pdf"]},
        {"attachments": ["a" * 32 + ".pdf"] * 21},
        {"attachments": ["../x"]},
        {"when_in_doubt": "guess"},
    ],
)
def test_parameters_that_cannot_be_met_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        KIND.parse({**MAIL, **changes})


@pytest.mark.parametrize(
    "separator", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"]
)
def test_subject_with_any_kind_of_line_break_is_refused(separator: str) -> None:
    """Python's mail headers refuse all of these; a job that is accepted must not fail on them."""
    with pytest.raises(InvalidInputError) as caught:
        KIND.parse({**MAIL, "subject": f"Hello{separator}Bcc: eve@example.org"})

    assert caught.value.field == "subject"


@pytest.mark.parametrize("subject", ["", "x" * 201, "nul\x00", "\x1b[31m", "bell\x07"])
def test_subject_that_no_header_can_hold_is_refused(subject: str) -> None:
    with pytest.raises(InvalidInputError):
        KIND.parse({**MAIL, "subject": subject})


@pytest.mark.parametrize(("field", "length"), [("text", 50_001), ("html", 200_001), ("text", 0)])
def test_body_of_no_or_too_many_characters_is_refused(field: str, length: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        KIND.parse({**MAIL, field: "x" * length})

    assert caught.value.field == field


def test_refused_parameters_are_not_repeated_by_the_error() -> None:
    """The error goes to logs with its whole chain; an address has no place there."""
    parameters = {**MAIL, "recipient": "ada@@example.org"}

    with pytest.raises(InvalidInputError) as caught:
        KIND.parse(parameters)

    assert "ada" not in "".join(traceback.format_exception(caught.value))


def test_mail_to_many_goes_to_the_long_queue() -> None:
    many = {**TO_THREE, "recipients": [f"{number}@example.org" for number in range(6)]}

    assert KIND.queue_for(KIND.parse(TO_THREE)) == "short"
    assert KIND.queue_for(KIND.parse(many)) == "long"
