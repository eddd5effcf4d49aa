"""The sign-up's route: both jobs and the record, or nothing at all."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import ConnectionError as RedisConnectionError

from project.errors import JobsError, UnavailableError
from project.ledger import Job
from project.signups import SignUp
from project.submission.preparation import Submission, prepare
from tests.builders import a_picture
from tests.unit.conftest import ClientMaker

REDIS_DOWN = RedisConnectionError("no")
BROKER_DOWN = UnavailableError("RabbitMQ")


@dataclass
class Backstage:
    """Stands in for submitter and sign-ups: notes the steps, fails at those it was told to."""

    failures: dict[str, Exception] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    submitted: dict[str, Any] = field(default_factory=dict)

    def _take(self, step: str) -> None:
        self.steps.append(step)
        if step in self.failures:
            raise self.failures[step]

    def add(self, _signup: SignUp) -> None:
        self._take("add")

    def announce(self, _signup: SignUp) -> None:
        self._take("announce")

    def remove(self, _signup: SignUp) -> None:
        self._take("remove")

    def make_token(self, signup: SignUp) -> str:
        return f"token-of-{signup.id}"

    def submit_many(self, submissions: list[Submission], _trace: Any) -> list[Job | JobsError]:
        return [self._submit(submission) for submission in submissions]

    def _submit(self, submission: Submission) -> Job | JobsError:
        kind = submission.kind
        try:
            self._take(kind)
        except JobsError as error:
            return error
        self.submitted[kind] = submission.parameters
        return prepare(submission, "").job

    def withdraw(self, _job: Job) -> None:
        self._take("withdraw")


SignUpMaker = Callable[[Backstage], Any]


@pytest.fixture
def sign_up(make_client: ClientMaker) -> SignUpMaker:
    """Signs up with a picture and an address."""

    def act(stage: Backstage) -> Any:
        return make_client(submitter=stage, signups=stage).post(
            "/api/v1/signups",
            data={
                "email": "Ada@Example.org",
                "picture": (io.BytesIO(a_picture()), "me.png", "image/png"),
            },
        )

    return act


@pytest.mark.parametrize("email", ["ada", "=?utf-8?q?a=0D=0AX?=@example.org"])
def test_address_that_no_mail_can_go_to_is_refused(make_client: ClientMaker, email: str) -> None:
    stage = Backstage()

    answer = make_client(submitter=stage, signups=stage).post(
        "/api/v1/signups", data={"email": email, "picture": (io.BytesIO(a_picture()), "me.png")}
    )

    assert answer.status_code == 400
    assert "Enter a valid email address" in answer.json["detail"]
    assert stage.steps == []


def files_in(folder: Path) -> list[Path]:
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


def test_signup_is_recorded_then_its_jobs_are_submitted_then_it_is_told(
    sign_up: SignUpMaker, tmp_path: Path
) -> None:
    stage = Backstage()

    answer = sign_up(stage)

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/signups/{answer.json['id']}"
    assert stage.steps == ["add", "sign_up", "image.thumbnail", "email.send", "announce"]
    (kept,) = files_in(tmp_path)
    assert stage.submitted["image.thumbnail"] == {"picture": kept.name}


def test_mail_holds_the_link_in_text_and_html(sign_up: SignUpMaker) -> None:
    stage = Backstage()

    answer = sign_up(stage)

    mail = stage.submitted["email.send"]
    link = f"http://localhost:5004/confirm/token-of-{answer.json['id']}"
    assert mail["recipient"] == answer.json["email"] == "Ada@example.org"
    assert mail["subject"] == "Confirm your email address"
    assert link in mail["text"]
    assert link in mail["html"]
    assert "24 hours" in mail["text"]


@pytest.mark.parametrize(
    "failures",
    [
        {"add": REDIS_DOWN},
        {"sign_up": BROKER_DOWN},
        {"image.thumbnail": BROKER_DOWN},
        {"image.thumbnail": UnavailableError("Redis")},
        {"email.send": BROKER_DOWN},
        {"email.send": BROKER_DOWN, "remove": REDIS_DOWN},
    ],
    ids="+".join,
)
def test_refused_signup_leaves_no_file(
    failures: dict[str, Exception], sign_up: SignUpMaker, tmp_path: Path
) -> None:
    answer = sign_up(Backstage(failures))

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert files_in(tmp_path) == []


def test_signup_without_its_mail_is_taken_back_whole(sign_up: SignUpMaker) -> None:
    stage = Backstage({"email.send": BROKER_DOWN})

    sign_up(stage)

    assert stage.steps == [
        *("add", "sign_up", "image.thumbnail", "email.send"),
        *("withdraw", "withdraw", "remove"),
    ]


def test_unforeseen_error_leaves_no_file_either(sign_up: SignUpMaker, tmp_path: Path) -> None:
    answer = sign_up(Backstage({"email.send": ValueError("a bug")}))

    assert answer.status_code == 500
    assert files_in(tmp_path) == []
