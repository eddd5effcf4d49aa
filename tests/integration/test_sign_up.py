"""The sign-up, from the form to the confirmed address."""

import re
import time
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
import requests
from itsdangerous import URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner
from PIL import Image
from redis import Redis

from project.config import Settings
from project.signups import SignUps
from tests.builders import a_picture
from tests.deploy.photograph import is_upright, portrait
from tests.integration.client import JOB_SECONDS, Client
from tests.waiting import wait_until

SALT = "confirm-signup"


@pytest.fixture
def address() -> str:
    """An address that no other test uses."""
    return f"ada.{uuid4().hex}@example.org"


@pytest.fixture(scope="module")
def signups(settings: Settings, redis: "Redis") -> SignUps:
    return SignUps(
        redis, settings.secret_key, settings.confirmation_seconds, settings.retention_seconds
    )


def caught_mail(settings: Settings, address: str) -> dict[str, Any]:
    """The mail to the address, once it is there."""

    def look() -> dict[str, Any] | None:
        answer = requests.get(
            f"http://127.0.0.1:{settings.mailcatcher_port}/api/messages",
            params={"to": address},
            timeout=10,
        )
        mails = answer.json()
        return mails[0] if mails else None

    mail = wait_until(look, JOB_SECONDS, f"a mail to {address}")
    assert mail is not None
    return mail


def link_in(mail: dict[str, Any]) -> str:
    """The path of the confirmation link."""
    found = re.search(r"https?://[^/\s]+(/confirm/[\w.~-]+)", mail["text"])
    assert found
    return found[1]


def test_signup_ends_with_thumbnails_and_a_confirmed_address(
    browser: Client, settings: Settings, address: str
) -> None:
    signup = browser.sign_up(address, portrait(1200, 1600))
    assert signup["email"] == address
    assert signup["confirmed_at"] is None

    picture_job = browser.await_status(signup["picture_job"], "succeeded")
    mail_job = browser.await_status(signup["mail_job"], "succeeded")
    assert {picture_job["queue"], mail_job["queue"]} == {"short"}
    assert {picture_job["root_id"], mail_job["root_id"]} == {signup["job"]}
    browser.await_status(signup["job"], "succeeded")
    for thumbnail in picture_job["result"]["thumbnails"]:
        answer = browser.get(thumbnail["url"])
        assert answer.headers["Content-Type"] == "image/webp"
        assert "immutable" in answer.headers["Cache-Control"]
        with Image.open(BytesIO(answer.content)) as picture:
            assert picture.size == (thumbnail["width"], thumbnail["height"])
        assert is_upright(answer.content)

    mail = caught_mail(settings, address)
    assert mail["subject"] == "Confirm your email address"
    assert mail["from"] == settings.mail_from
    assert link_in(mail) in mail["html"]
    assert f"{settings.public_url}{link_in(mail)}" in mail["text"]

    asked = browser.get(link_in(mail))
    assert asked.status_code == 200
    assert address in asked.text
    assert browser.get(f"/api/v1/signups/{signup['id']}").json()["confirmed_at"] is None
    page = browser.post(link_in(mail))
    assert page.status_code == 200
    assert address in page.text
    confirmed = browser.get(f"/api/v1/signups/{signup['id']}").json()
    assert confirmed["confirmed_at"] > confirmed["created_at"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_link_that_a_program_follows_confirms_nothing(
    browser: Client, signups: SignUps, address: str, method: str
) -> None:
    """Mail servers look at the links of a mail, and some programs load them ahead."""
    signup = browser.sign_up(address, a_picture("JPEG"))
    link = f"/confirm/{signups.make_token(signups.get(signup['id']))}"

    answer = browser.session.request(method, browser.url + link)

    assert answer.status_code == 200
    assert browser.get(f"/api/v1/signups/{signup['id']}").json()["confirmed_at"] is None


def test_other_sites_form_confirms_nothing(browser: Client, signups: SignUps, address: str) -> None:
    signup = browser.sign_up(address, a_picture("JPEG"))
    link = f"/confirm/{signups.make_token(signups.get(signup['id']))}"

    answer = browser.post(link, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert browser.get(f"/api/v1/signups/{signup['id']}").json()["confirmed_at"] is None


def test_second_click_on_the_link_changes_nothing(
    browser: Client, signups: SignUps, address: str
) -> None:
    signup = browser.sign_up(address, a_picture("JPEG"))
    link = f"/confirm/{signups.make_token(signups.get(signup['id']))}"
    assert browser.post(link).status_code == 200
    first = browser.get(f"/api/v1/signups/{signup['id']}").json()

    assert browser.post(link).status_code == 200
    again = browser.get(link)

    assert "is confirmed" in again.text
    assert "<button" not in again.text
    assert browser.get(f"/api/v1/signups/{signup['id']}").json() == first


def test_link_works_in_another_browser(
    browser: Client, settings: Settings, signups: SignUps, address: str
) -> None:
    signup = browser.sign_up(address, a_picture("JPEG"))

    other = Client(settings.public_url)
    answer = other.post(f"/confirm/{signups.make_token(signups.get(signup['id']))}")

    assert answer.status_code == 200
    assert browser.get(f"/api/v1/signups/{signup['id']}").json()["confirmed_at"]


def token_made(settings: Settings, content: Any, age_seconds: float, salt: str = SALT) -> str:
    """A token as we make them, but so many seconds ago."""

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time() - age_seconds)

    return str(
        URLSafeTimedSerializer(settings.secret_key, salt=salt, signer=Earlier).dumps(content)
    )


def test_old_link_has_expired_and_confirms_nothing(
    browser: Client, settings: Settings, address: str
) -> None:
    signup = browser.sign_up(address, a_picture("JPEG"))
    token = token_made(settings, signup["id"], settings.confirmation_seconds + 60)

    for answer in (browser.get(f"/confirm/{token}"), browser.post(f"/confirm/{token}")):
        assert answer.status_code == 410
        assert "expired" in answer.text
    assert browser.get(f"/api/v1/signups/{signup['id']}").json()["confirmed_at"] is None


def test_link_shortly_before_its_end_still_works(
    browser: Client, settings: Settings, address: str
) -> None:
    signup = browser.sign_up(address, a_picture("JPEG"))
    token = token_made(settings, signup["id"], settings.confirmation_seconds - 60)

    assert browser.post(f"/confirm/{token}").status_code == 200


@pytest.mark.parametrize("what", ["signature", "id", "time", "end", "nothing", "no token", "path"])
def test_tampered_link_confirms_nothing(
    browser: Client, settings: Settings, signups: SignUps, address: str, what: str
) -> None:
    signup = browser.sign_up(address, a_picture("JPEG"))
    payload, moment, signature = token_made(settings, signup["id"], 0).split(".")
    tampered = {
        "signature": f"{payload}.{moment}.{signature[::-1]}",
        "id": f"{payload[::-1]}.{moment}.{signature}",
        "time": f"{payload}.{moment[::-1]}.{signature}",
        "end": f"{payload}.{moment}",
        "nothing": "%20",
        "no token": "x" * 500,
        "path": "..%2f..%2fsignups",
    }[what]

    for answer in (browser.get(f"/confirm/{tampered}"), browser.post(f"/confirm/{tampered}")):
        assert answer.status_code == 404
    assert browser.get(f"/api/v1/signups/{signup['id']}").json()["confirmed_at"] is None


def test_token_that_was_signed_for_something_else_confirms_nothing(
    browser: Client, settings: Settings, address: str
) -> None:
    signup = browser.sign_up(address, a_picture("JPEG"))
    token = token_made(settings, signup["id"], 0, salt="something-else")

    assert browser.get(f"/confirm/{token}").status_code == 404
    assert browser.post(f"/confirm/{token}").status_code == 404


def test_link_of_a_signup_that_is_gone_does_not_work(
    browser: Client, signups: SignUps, address: str
) -> None:
    made = browser.sign_up(address, a_picture("JPEG"))
    signup = signups.get(made["id"])
    token = signups.make_token(signup)
    signups.remove(signup)

    assert browser.get(f"/confirm/{token}").status_code == 404
    assert browser.post(f"/confirm/{token}").status_code == 404
    assert browser.get(f"/api/v1/signups/{signup.id}").status_code == 404
    assert browser.get("/api/v1/signups").json() == {"signups": []}


def test_browser_finds_its_own_signups_and_jobs_and_no_others(
    browser: Client, settings: Settings, address: str
) -> None:
    first = browser.sign_up(address, a_picture("JPEG"))
    second = browser.sign_up(address, a_picture("JPEG"))
    other = Client(settings.public_url).open_page()

    own = browser.get("/api/v1/signups").json()["signups"]
    jobs = browser.get("/api/v1/jobs?owner=me").json()["jobs"]

    assert [signup["id"] for signup in own] == [second["id"], first["id"]]
    assert {job["id"] for job in jobs} == {first["job"], second["job"]}
    assert other.get("/api/v1/signups").json() == {"signups": []}
    assert other.get("/api/v1/jobs?owner=me").json() == {"jobs": [], "next": None}


def test_client_without_a_cookie_may_sign_up_too(settings: Settings, address: str) -> None:
    program = Client(settings.public_url)

    signup = program.sign_up(address, a_picture("JPEG"))

    program.await_status(signup["picture_job"], "succeeded")
    assert program.get(f"/api/v1/signups/{signup['id']}").json()["email"] == address
    assert program.get("/api/v1/signups").json() == {"signups": []}


def test_signup_counts_down_to_its_end(redis: "Redis", browser: Client, address: str) -> None:
    """Nothing personal is kept for ever."""
    signup = browser.sign_up(address, a_picture("JPEG"))

    assert redis.ttl(f"signup:{signup['id']}") > 0
    assert redis.ttl(f"signups:owner:{browser.owner}") > 0


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
def test_picture_of_every_kind_gets_thumbnails(
    browser: Client, address: str, kind: str, content_type: str
) -> None:
    signup = browser.sign_up(address, a_picture(kind, (900, 600)), content_type)

    job = browser.await_status(signup["picture_job"], "succeeded")

    assert len(job["result"]["thumbnails"]) == 3


def test_address_in_another_alphabet_gets_its_mail(browser: Client, settings: Settings) -> None:
    address = f"дарья.{uuid4().hex}@bücher.example"
    signup = browser.sign_up(address, a_picture("JPEG"))

    browser.await_status(signup["mail_job"], "succeeded")

    assert link_in(caught_mail(settings, address))
