"""`email.send`: each recipient gets one mail, whatever dies while they are sent."""

from email import message_from_bytes, policy
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.client import Client
from tests.integration.isolated.system import IsolatedSystem
from tests.waiting import wait_until

END_SECONDS = 60
LETTER = {"subject": "Hello {{ name }}", "text": "For {{ recipient }}\n", "values": {"name": "you"}}


@pytest.fixture
def people() -> list[str]:
    """Addresses that no other test uses."""
    return [f"{name}.{uuid4().hex}@example.org" for name in ("ada", "bob", "eve")]


def outcomes_of(job: dict[str, Any]) -> list[str]:
    return [each["outcome"] for each in job["result"]["outcomes"]]


def counts_of(system: IsolatedSystem, people: list[str]) -> list[int]:
    """How many mails each of them has got."""
    return [len(system.postbox.mails[address]) for address in people]


def await_waiting(system: IsolatedSystem, address: str) -> None:
    """The worker is at this recipient, and is kept waiting."""
    wait_until(lambda: address in system.postbox.waiting, END_SECONDS, "the worker to come to it")


def test_worker_that_is_killed_between_two_recipients_leaves_each_with_one_mail(
    system: IsolatedSystem, browser: Client, people: list[str]
) -> None:
    with system.postbox.halting(people[1]):
        job_id = browser.submit("email.send", {"recipients": people, **LETTER})["id"]
        await_waiting(system, people[1])
        assert counts_of(system, people) == [1, 0, 0]
        system.kill_process("worker-short")

    system.start_worker("worker-short")
    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert job["attempt"] == 2
    assert outcomes_of(job) == ["sent", "sent", "sent"]
    assert counts_of(system, people) == [1, 1, 1]


@pytest.mark.parametrize(("when_in_doubt", "outcome"), [("skip", "unknown"), ("send", "sent")])
def test_worker_that_is_killed_before_the_answer_leaves_a_doubt_that_the_job_decides(
    system: IsolatedSystem, browser: Client, people: list[str], when_in_doubt: str, outcome: str
) -> None:
    """This server forgets a mail whose sender went before the answer; others do not."""
    parameters = {"recipients": people, **LETTER, "when_in_doubt": when_in_doubt}
    with system.postbox.holding(people[1]):
        job_id = browser.submit("email.send", parameters)["id"]
        await_waiting(system, people[1])
        system.kill_process("worker-short")
        wait_until(lambda: people[1] not in system.postbox.waiting, END_SECONDS)

    system.start_worker("worker-short")
    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert outcomes_of(job) == ["sent", outcome, "sent"]
    assert counts_of(system, people) == [1, int(outcome == "sent"), 1]


def test_put_off_recipient_is_tried_again_alone_and_a_refused_one_is_reported(
    system: IsolatedSystem, browser: Client, people: list[str]
) -> None:
    system.postbox.answer(people[0], "550 No such user")
    system.postbox.answer(people[2], "451 Greylisted")

    job_id = browser.submit("email.send", {"recipients": people, **LETTER})["id"]
    job = browser.await_status(job_id, "succeeded", seconds=END_SECONDS)

    assert job["attempt"] == 2
    assert outcomes_of(job) == ["refused", "sent", "sent"]
    assert counts_of(system, people) == [0, 1, 1]


def test_files_travel_as_attachments(
    system: IsolatedSystem, browser: Client, people: list[str]
) -> None:
    content = b"%PDF-1.7\n" + bytes(range(256)) * 4_000
    file_id = browser.post("/api/v1/files", data=content).json()["file"]
    parameters = {
        "recipient": people[0],
        "subject": "Report",
        "text": "See attachment.\n",
        "attachments": [file_id],
        "attachment_names": ["../Report 2026.exe"],
    }

    job_id = browser.submit("email.send", parameters)["id"]
    browser.await_status(job_id, "succeeded")

    (mail,) = system.postbox.mails[people[0]]
    (attached,) = message_from_bytes(mail, policy=policy.default).iter_attachments()
    assert attached.get_filename() == "Report 2026.exe.pdf"
    assert attached.get_payload(decode=True) == content


def test_no_log_line_tells_whom_a_mail_went_to(
    system: IsolatedSystem, browser: Client, people: list[str]
) -> None:
    system.postbox.answer(people[1], f"550 No {people[1]} here")

    job_id = browser.submit("email.send", {"recipients": people, **LETTER})["id"]
    browser.await_status(job_id, "succeeded")
    system.log.await_event("job_finished", job_id)

    for address in people:
        assert system.log.about(address) == []
    answer = browser.get(f"/api/v1/jobs/{job_id}/log?format=text")
    assert answer.text.count("mail_sent") == 2
    assert "mail_not_sent" in answer.text
    assert "@" not in answer.text
