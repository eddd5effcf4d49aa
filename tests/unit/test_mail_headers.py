"""What a receiver reads in a mail's headers is what was given, whatever it was."""

import re
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from project.jobs.email_send.letters import Attachment, Letter, make_name
from project.mail_headers import MailPolicy
from tests.mail_reader import read_header, read_parameter, read_text

ALPHABETS = (
    *("ABCdefghij ", "äöüßÄÖÜabcde ", "éèêçàùœ«»\u00a0\u202fabc ", "订单确认報告かなカナ한국"),
    *("😀👍🏽👩‍👩‍👧🇩🇪❤️é", "=?utf-8?q?_=0D=0A?=Bcc: ", "  ", "\"\\<>@()[],;:.!$%&'*+-/^`{|}~#"),
)
characters = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
pieces = st.one_of(
    st.text(characters, max_size=30),
    *(st.text(st.sampled_from(alphabet), max_size=60) for alphabet in ALPHABETS),
    st.sampled_from(
        ["=?utf-8?q?a=0D=0AB:_c?=", "=?iso-8859-1?b?4A==?=", "x" * 90, " ", "Ölwechsel"]
    ),
)
texts = st.lists(pieces, max_size=6).map(lambda parts: "".join(parts)[:300])
PROPERTY = settings(max_examples=400, deadline=None)


def write(name: str, value: str) -> bytes:
    """A mail with that header."""
    message = EmailMessage(policy=MailPolicy())
    message[name] = value
    message.set_content("text\n")
    return message.as_bytes()


@PROPERTY
@given(texts)
@example("Ölwechsel Rückfrage Straße übermorgen für")
@example("Ihre Anfrage vom letzten Montag im Haus am Markt und überwiegende Teile")
@example("=?utf-8?q?Hello=0D=0ABcc:_evil@example.org?=")
@example(" =?utf-8?q?a?= b ")
@example("ä" + " " * 60 + "😀")
@example("")
def test_subject_is_read_as_it_was_given(subject: str) -> None:
    mail = write("Subject", subject)

    assert read_text(read_header(mail, "Subject")) == subject
    assert [line.partition(b":")[0] for line in mail.partition(b"\r\n\r\n")[0].splitlines()
            if not line.startswith(b" ")] == [
        *(b"Subject", b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version")
    ]  # fmt: skip


def test_word_does_not_end_with_a_blank_that_a_receiver_may_trim() -> None:
    subject = "Ölwechsel Rückfrage Straße übermorgen für"

    words = read_header(write("Subject", subject), "Subject").split()

    assert [read_text(word) for word in words] == ["Ölwechsel Rückfrage Straße übermorgen", " für"]


@PROPERTY
@given(st.lists(st.text("abcdefghij", min_size=1, max_size=14), min_size=1, max_size=30))
def test_plain_subject_stays_readable_over_many_lines(words: list[str]) -> None:
    subject = " ".join(words)

    assert read_header(write("Subject", subject), "Subject") == subject


@PROPERTY
@given(texts.map(lambda text: " ".join(text.split())).filter(bool))
@example('"' * 40)
def test_senders_name_is_read_as_it_was_given(name: str) -> None:
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'

    value = read_header(write("From", f"{quoted} <jobs@example.org>"), "From")

    shown, _, address = value.rpartition("<")
    assert address == "jobs@example.org>"
    shown = shown.rstrip(" ")
    if shown.startswith('"'):
        shown = re.sub(r"\\(.)", r"\1", shown[1:-1])
        assert "=?" not in shown
    assert read_text(shown) == name


@PROPERTY
@given(texts)
def test_name_of_an_attachment_is_read_as_it_was_made(wanted: str) -> None:
    name = make_name(wanted, "a" * 32 + ".pdf", 1)
    attached = Attachment(name, "application/pdf", b"%PDF")
    letter = Letter("ada@example.org", "<1@example.com>", "s", "t\n", "", None, [attached])

    part = letter.compose().get_payload()[1].as_bytes()  # type: ignore[union-attr, index]

    value = read_header(part, "Content-Disposition")
    assert value.startswith("attachment;")
    assert read_parameter(value, "filename") == name


@pytest.mark.parametrize("name", ["To", "Reply-To", "From"])
def test_address_alone_is_written_as_it_is(name: str) -> None:
    assert read_header(write(name, "o'brien+a/b@example.org"), name) == "o'brien+a/b@example.org"


def test_address_outside_ascii_goes_as_it_is_where_the_server_takes_that() -> None:
    message = EmailMessage(policy=MailPolicy(utf8=True))
    message["To"] = "Jörg <jörg@exämple.org>"

    assert message.as_bytes().decode() == "To: =?utf-8?b?SsO2cmc=?= <jörg@exämple.org>\r\n\r\n"


def test_header_that_we_do_not_write_is_python_s_to_write() -> None:
    message = EmailMessage(policy=MailPolicy())
    message["Comments"] = "ä"

    assert message.as_bytes() == b"Comments: =?utf-8?q?=C3=A4?=\r\n\r\n"
