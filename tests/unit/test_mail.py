"""The mail server, spoken to over a real connection: what it says becomes a receipt."""

import traceback
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest

from project.errors import PermanentError, TemporaryError
from project.mail import MailServer, Outcome, Receipt
from project.mail_headers import MailPolicy
from tests.builders import an_unused_port
from tests.mail_reader import read_header, read_text
from tests.mail_server import (
    DROPPED,
    MailRoom,
    listening,
    logging_in,
    server_tls,
    trusting_tls,
)

SENDER = "jobs@localhost.example"
ADA = "ada@example.org"
NO_TLS_HERE = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


def nothing() -> None:
    """Nobody wants to know."""


def a_mail(recipient: str = ADA, text: str = "Grüße\n") -> EmailMessage:
    message = EmailMessage(policy=MailPolicy())
    message["To"] = recipient
    message["Subject"] = "Hello"
    message.set_content(text)
    return message


def send_by(
    server: MailServer,
    *recipients: str,
    when_committed: Callable[[], None] = nothing,
    text: str = "Grüße\n",
) -> list[Receipt]:
    """The receipts of mails to these, over one line."""
    with server.open() as line:
        return [line.send(a_mail(each, text), each, when_committed) for each in recipients or [ADA]]


def at(port: int, login: str = "") -> MailServer:
    return MailServer(f"smtp://{login}127.0.0.1:{port}", SENDER)


def test_mail_arrives_with_our_sender_and_is_answered_for() -> None:
    room = MailRoom()

    with listening(room) as port:
        (receipt,) = send_by(at(port))

    assert receipt == Receipt(Outcome.SENT, code=250, answer="OK: queued as 7")
    assert room.message(ADA)["From"] == SENDER


def test_lines_that_begin_with_a_dot_arrive_as_they_are() -> None:
    room = MailRoom()
    text = ".\n..\n.hidden\nend\n"

    with listening(room) as port:
        send_by(at(port), text=text)

    assert room.message(ADA).get_content().replace("\r\n", "\n") == text


@pytest.mark.parametrize("step", ["answer_recipient", "answer_mail"])
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("451 Try again later", Outcome.DEFERRED),
        ("421 Too busy", Outcome.DEFERRED),
        ("452 Mailbox full", Outcome.DEFERRED),
        ("550 No such user", Outcome.REFUSED),
        ("554 Refused", Outcome.REFUSED),
    ],
)
def test_servers_code_decides_about_another_attempt(
    step: str, answer: str, outcome: Outcome
) -> None:
    room = MailRoom()
    getattr(room, step)(ADA, answer)

    with listening(room) as port:
        (receipt,) = send_by(at(port))

    assert receipt.outcome is outcome
    assert receipt.code == int(answer[:3])
    assert receipt.answer == answer[4:]
    assert f"(code {answer[:3]})" in receipt.reason


def test_reason_does_not_repeat_the_address_that_the_server_repeats() -> None:
    room = MailRoom()
    room.answer_recipient(ADA, f"550 No {ADA} here")

    with listening(room) as port:
        (receipt,) = send_by(at(port))

    assert "ada" in receipt.answer
    assert "ada" not in receipt.reason


def test_long_and_odd_answer_becomes_a_short_line() -> None:
    room = MailRoom()
    room.answer_recipient(ADA, "550 \x1b[31mNo\t" + "x" * 400)

    with listening(room) as port:
        (receipt,) = send_by(at(port))

    assert receipt.answer.startswith("[31mNo xxx")
    assert len(receipt.answer) == 200


def test_refused_mail_does_not_hinder_the_others_on_the_same_connection() -> None:
    room = MailRoom()
    room.answer_recipient("b@example.org", "550 No")
    room.answer_mail("c@example.org", "451 Later")

    with listening(room) as port:
        receipts = send_by(at(port), *(f"{letter}@example.org" for letter in "abcd"))

    assert [each.outcome for each in receipts] == ["sent", "refused", "deferred", "sent"]
    assert len(room.connections) == 1


@pytest.mark.parametrize("answer", [DROPPED, "421 So many mails are enough"])
def test_connection_that_was_closed_between_two_mails_is_made_anew(answer: str) -> None:
    room = MailRoom()
    room.answer_recipient("b@example.org", answer)

    with listening(room) as port:
        receipts = send_by(at(port), *(f"{letter}@example.org" for letter in "abc"))

    assert [each.outcome for each in receipts] == ["sent", "sent", "sent"]
    assert len(room.connections) == 2


def test_connection_that_is_lost_before_the_dot_has_sent_nothing() -> None:
    room = MailRoom()
    room.answer_recipient(ADA, DROPPED)

    with listening(room) as port:
        (receipt,) = send_by(at(port))

    assert receipt.outcome is Outcome.DEFERRED
    assert room.received[ADA] == []


def test_connection_that_is_lost_after_the_dot_leaves_the_outcome_unknown() -> None:
    """And the mail is not sent again by itself: the server may have it, as here."""
    room = MailRoom()
    room.answer_mail(ADA, DROPPED)

    with listening(room) as port:
        (receipt,) = send_by(at(port))

    assert receipt.outcome is Outcome.UNKNOWN
    assert len(room.received[ADA]) == 1


def test_caller_is_told_before_the_server_has_the_whole_mail() -> None:
    room = MailRoom()
    seen: list[int] = []

    with listening(room) as port:
        send_by(at(port), when_committed=lambda: seen.append(len(room.received[ADA])))

    assert seen == [0]
    assert len(room.received[ADA]) == 1


def test_caller_that_raises_before_the_dot_stops_the_mail() -> None:
    room = MailRoom()

    def stop() -> None:
        raise InterruptedError

    with listening(room) as port:
        with pytest.raises(InterruptedError):
            send_by(at(port), when_committed=stop)
        send_by(at(port), "b@example.org")

    assert room.received[ADA] == []
    assert len(room.received["b@example.org"]) == 1


def test_refused_connection_is_worth_another_attempt() -> None:
    with pytest.raises(TemporaryError, match="does not answer"):
        send_by(at(an_unused_port()))


def test_unknown_host_is_worth_another_attempt() -> None:
    with pytest.raises(TemporaryError):
        send_by(MailServer("smtp://mail.invalid:25", SENDER))


def test_server_that_cannot_take_the_address_is_not_asked_again() -> None:
    """An address outside ASCII needs SMTPUTF8 (RFC 6531); a server without it never takes it."""
    with listening(MailRoom(), enable_SMTPUTF8=False) as port:
        (receipt,) = send_by(at(port), "ädä@example.org")

    assert receipt.outcome is Outcome.REFUSED
    assert "SMTPUTF8" in receipt.reason
    assert "ädä" not in receipt.reason


def test_address_outside_ascii_is_sent_where_the_server_can() -> None:
    room = MailRoom()

    with listening(room, enable_SMTPUTF8=True) as port:
        send_by(at(port), "ädä@example.org")

    assert room.message("ädä@example.org")["To"] == "ädä@example.org"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_domain_outside_ascii_is_sent_in_the_form_that_every_server_takes(
    written: str, sent: str
) -> None:
    room = MailRoom()

    with listening(room, enable_SMTPUTF8=False) as port:
        (receipt,) = send_by(at(port), written)

    assert receipt.outcome is Outcome.SENT
    assert room.message(sent)["To"] == sent


def test_domains_and_names_of_sender_and_answers_need_nothing_of_the_server() -> None:
    room, message = MailRoom(), a_mail()
    message["Reply-To"] = "Jörg <joerg@bücher.example>"

    with listening(room, enable_SMTPUTF8=False) as port:
        server = MailServer(f"smtp://127.0.0.1:{port}", "Söhne <jobs@bücher.example>")
        with server.open() as line:
            receipt = line.send(message, ADA, nothing)

    assert receipt.outcome is Outcome.SENT
    raw = room.received[ADA][0]
    assert read_text(read_header(raw, "From")) == "Söhne <jobs@xn--bcher-kva.example>"
    assert read_text(read_header(raw, "Reply-To")) == "Jörg <joerg@xn--bcher-kva.example>"


def test_domain_that_is_none_is_left_to_the_server() -> None:
    with listening(MailRoom(), enable_SMTPUTF8=False) as port:
        (receipt,) = send_by(at(port), "ada@ü-.example")

    assert receipt.outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("Jörg & Söhne <jobs@example.com>", "Jörg & Söhne <jobs@example.com>"),
        (
            "=?utf-8?q?a=0D=0AB:_c?= <jobs@example.com>",
            "=?utf-8?q?a=0D=0AB:_c?= <jobs@example.com>",
        ),
        ('"Ada, of Jobs" <jobs@example.com>', '"Ada, of Jobs" <jobs@example.com>'),
    ],
)
def test_senders_name_is_text_that_every_server_takes(sender: str, shown: str) -> None:
    room = MailRoom()

    with listening(room, enable_SMTPUTF8=False) as port:
        (receipt,) = send_by(MailServer(f"smtp://127.0.0.1:{port}", sender))

    assert receipt.outcome is Outcome.SENT
    assert read_text(read_header(room.received[ADA][0], "From")) == shown
    assert b"\nB:" not in room.received[ADA][0]


def test_mail_that_is_too_large_for_the_server_is_refused_before_it_is_sent() -> None:
    with listening(MailRoom(), data_size_limit=10_000) as port:
        (receipt,) = send_by(at(port), text="x" * 60 + "\n" + "y\n" * 10_000)

    assert (receipt.outcome, receipt.code) == (Outcome.REFUSED, 552)


# ── TLS and logins ─────────────────────────────────────────────────────────────────────────────


@NO_TLS_HERE
@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        ("smtps", {"ssl_context": True}),
        ("smtp+starttls", {"tls_context": True, "require_starttls": True}),
    ],
)
def test_mail_goes_over_tls_with_a_login(scheme: str, options: dict[str, Any]) -> None:
    room = MailRoom()
    tls = {
        name: server_tls() if name.endswith("context") else value for name, value in options.items()
    }
    # aiosmtpd does not know that TLS from the first byte on is TLS.
    login = logging_in("user@jobs", "p/ss:word") | {"auth_require_tls": scheme != "smtps"}

    with listening(room, **tls, **login) as port:
        url = f"{scheme}://user%40jobs:p%2Fss%3Aword@127.0.0.1:{port}"
        (receipt,) = send_by(MailServer(url, SENDER, trusting_tls()))

    assert receipt.outcome is Outcome.SENT
    assert room.logins == ["user@jobs"]


@NO_TLS_HERE
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_certificate_that_nobody_trusts_gets_no_mail_and_no_login(scheme: str) -> None:
    room = MailRoom()
    options = {"ssl_context" if scheme == "smtps" else "tls_context": server_tls()}

    with (
        listening(room, **options, **logging_in("user", "secret"), auth_require_tls=False) as port,
        pytest.raises(TemporaryError, match="certificate is not trusted"),
    ):
        send_by(MailServer(f"{scheme}://user:secret@127.0.0.1:{port}", SENDER))

    assert not room.received
    assert not room.logins


@NO_TLS_HERE
def test_wrong_login_is_not_tried_again() -> None:
    options = logging_in("user", "right") | {"auth_require_tls": False}

    login = "user:guess@"
    with listening(MailRoom(), **options) as port, pytest.raises(PermanentError) as caught:
        send_by(at(port, login))

    assert "login (code 535)" in str(caught.value)
    assert "guess" not in "".join(traceback.format_exception(caught.value))


def test_server_without_tls_is_no_starttls_server() -> None:
    with listening(MailRoom()) as port, pytest.raises(PermanentError, match="STARTTLS"):
        send_by(MailServer(f"smtp+starttls://127.0.0.1:{port}", SENDER))


def test_mail_may_be_sent_again_after_a_failure() -> None:
    """Another attempt makes a new message, but nothing forbids the same one."""
    message, room = a_mail(), MailRoom()
    with pytest.raises(TemporaryError), at(an_unused_port()).open() as line:
        line.send(message, ADA, nothing)

    with listening(room) as port, at(port).open() as line:
        line.send(message, ADA, nothing)

    assert len(room.received[ADA]) == 1


@pytest.mark.parametrize(
    ("sender", "domain"),
    [("jobs@example.org", "example.org"), ("Jobs <jobs@example.org>", "example.org")],
)
def test_domain_is_the_senders(sender: str, domain: str) -> None:
    assert MailServer("smtp://127.0.0.1", sender).domain == domain
