"""`email.send` through the API, to the stack's own mail catcher."""

from typing import Any
from uuid import uuid4

import pytest
import requests

from project.config import Settings
from tests.integration.client import JOB_SECONDS, Client
from tests.waiting import wait_until


@pytest.fixture
def address() -> str:
    """An address that no other test uses."""
    return f"ada.{uuid4().hex}@example.org"


def caught_mail(settings: Settings, address: str) -> dict[str, Any]:
    """The mail to the address, once it is there."""

    def look() -> Any:
        url = f"http://127.0.0.1:{settings.mailcatcher_port}/api/messages"
        return requests.get(url, params={"to": address}, timeout=10).json()

    (mail,) = wait_until(look, JOB_SECONDS, "a mail")
    assert isinstance(mail, dict)
    return mail


def test_template_and_values_become_mails(
    browser: Client, settings: Settings, address: str
) -> None:
    parameters = {
        "recipients": [address, f"bob.{uuid4().hex}@example.org"],
        "subject": "Order {{ number }}",
        "text": "{% for row in rows %}{{ row.title }}\n{% endfor %}",
        "html": "<p>{{ name }}</p>",
        "values": {"number": 7, "name": "<b>Ada</b>", "rows": [{"title": "Tea"}, {"title": "Cup"}]},
    }

    job = browser.submit("email.send", parameters)
    finished = browser.await_status(job["id"], "succeeded")

    mail = caught_mail(settings, address)
    assert mail["subject"] == "Order 7"
    assert mail["text"].split() == ["Tea", "Cup"]
    assert mail["html"].strip() == "<p>&lt;b&gt;Ada&lt;/b&gt;</p>"
    assert finished["result"]["summary"] == "2 mails sent"
    assert [row[:4] for row in finished["result"]["tables"][0]["rows"]] == [
        [1, "a…@example.org", "sent", 250],
        [2, "b…@example.org", "sent", 250],
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"text": "{{ nmae }}"}, "text: `values` has no 'nmae', which the template needs."),
        ({"html": "{% include 'x' %}"}, "html, line 1: a template may contain only values"),
        ({"recipients": ["bob@example.org"]}, "give either `recipient` or `recipients`"),
    ],
)
def test_mail_that_cannot_be_made_is_refused_at_once(
    browser: Client, address: str, changes: dict[str, Any], sentence: str
) -> None:
    mail = {"recipient": address, "subject": "Hello", "text": "Hello", "values": {}, **changes}

    answer = browser.post("/api/v1/jobs", json={"kind": "email.send", "parameters": mail})

    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]
