"""Signing up as a person does, over HTTP."""

import re
from dataclasses import dataclass
from typing import Any

import requests

from tests.deploy.photograph import portrait
from tests.deploy.stack import Stack
from tests.waiting import wait_until

JOB_SECONDS = 30
REQUEST_SECONDS = 10


@dataclass(frozen=True)
class SignUp:
    """What the sign-up's answer named, and its two jobs as they ended."""

    id: str
    email: str
    picture_job: dict[str, Any]
    mail_job: dict[str, Any]


def sign_up(stack: Stack, email: str) -> SignUp:
    answer = requests.post(
        stack.url("/api/v1/signups"),
        data={"email": email},
        files={"picture": ("me.jpg", portrait(), "image/jpeg")},
        timeout=REQUEST_SECONDS,
    )
    assert answer.status_code == 202, answer.text
    made = answer.json()
    return SignUp(
        id=made["id"],
        email=email,
        picture_job=succeeded_job(stack, made["picture_job"]),
        mail_job=succeeded_job(stack, made["mail_job"]),
    )


def succeeded_job(stack: Stack, job_id: str, seconds: float = JOB_SECONDS) -> dict[str, Any]:
    """The job once it has succeeded; fails at once if it ends in any other way."""

    def finished() -> dict[str, Any] | None:
        job = get_json(stack, f"/api/v1/jobs/{job_id}")
        assert job["status"] not in {"failed", "cancelled", "dead"}, job
        return job if job["status"] == "succeeded" else None

    job = wait_until(finished, seconds, f"job {job_id} to succeed")
    assert job is not None
    return job


def thumbnail(stack: Stack, signed_up: SignUp) -> bytes:
    """The smallest thumbnail's file."""
    thumbnails = signed_up.picture_job["result"]["thumbnails"]
    smallest = min(thumbnails, key=lambda each: each["width"])
    answer = requests.get(stack.url(smallest["url"]), timeout=REQUEST_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.content


def confirmation_link(stack: Stack, email: str) -> str:
    """The link in the mail that the catcher took for this address."""

    def caught() -> re.Match[str] | None:
        return re.search(r"http://localhost:\d+/confirm/[\w.~-]+", mail_to(stack, email))

    link = wait_until(caught, JOB_SECONDS, f"a confirmation mail to {email}")
    assert link is not None
    return link.group()


def mail_to(stack: Stack, email: str) -> str:
    """The text of the newest mail to this address, as the catcher shows it; empty if none."""
    answer = requests.get(
        stack.url("/api/messages", "JOBS_MAILCATCHER_PORT"),
        params={"to": email},
        timeout=REQUEST_SECONDS,
    )
    assert answer.status_code == 200, answer.text
    newest_first = answer.json()
    return str(newest_first[0]["text"]) if newest_first else ""


def get_json(stack: Stack, path: str) -> dict[str, Any]:
    answer = requests.get(stack.url(path), timeout=REQUEST_SECONDS)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    body: dict[str, Any] = answer.json()
    return body
