"""Signing up: a picture and an address become a card that tells how both fare."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.conftest import NewVisitor, Stack
from tests.browser.home import PHOTOGRAPH, Home, Picture, a_damaged_photograph, a_file
from tests.browser.mail import confirmation_link

MEBIBYTE = 1024 * 1024
TEXT_AS_PNG = a_file("notes.png", b"no picture", "image/png")


def error(page: Page, field: str) -> str:
    """The sentence beside a field, which a screen reader is told of at once."""
    alert = page.locator(f"#{field}-error")
    expect(alert).to_have_attribute("role", "alert")
    expect(alert).not_to_be_empty()
    return alert.inner_text()


def test_a_photograph_becomes_a_thumbnail_and_the_mailed_link_confirms(
    home: Home, stack: Stack
) -> None:
    """The whole way of a sign-up, watched on one page that is never loaded again."""
    home.mark(home.page.locator("body"))

    card = home.sign_up("grace.hopper@example.org")

    thumbnail = card.get_by_role("img", name="Picture of grace.hopper@example.org")
    expect(thumbnail).to_be_visible()
    assert len((thumbnail.get_attribute("srcset") or "").split(", ")) == 3
    assert thumbnail.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(card).to_contain_text("Mail sent. Follow the link in it to confirm.")
    expect(card.get_by_text("Succeeded")).to_have_count(2)

    link = confirmation_link(stack.inbox_url, "grace.hopper@example.org")
    reader = home.page.context.new_page()
    reader.goto(link)
    expect(reader.get_by_text("Somebody signed up with grace.hopper@example.org.")).to_be_visible()
    expect(card).not_to_contain_text("Confirmed")
    reader.get_by_role("button", name="Confirm").click()
    expect(reader.get_by_role("heading", name="Confirmed")).to_be_visible()

    expect(card).to_contain_text("Confirmed")
    assert home.is_marked(home.page.locator("body"))
    reader.get_by_role("link", name="Go to the jobs").click()
    expect(Home(reader).card("grace.hopper@example.org")).to_contain_text("Confirmed")


def test_the_mailed_link_works_without_javascript_and_says_when_it_was_used(
    home: Home, new_visitor: NewVisitor, stack: Stack
) -> None:
    home.sign_up("katherine.johnson@example.org")
    link = confirmation_link(stack.inbox_url, "katherine.johnson@example.org")
    reader = new_visitor(java_script_enabled=False).page
    reader.goto(link)

    reader.get_by_role("button", name="Confirm").click()

    expect(reader.get_by_role("heading", name="Confirmed")).to_be_visible()
    reader.goto(link)
    expect(reader.get_by_role("heading", name="Confirmed")).to_be_visible()
    expect(reader.get_by_role("button")).to_have_count(0)


def test_the_form_is_empty_again_after_a_sign_up(home: Home) -> None:
    """What was sent is gone from the form; a sentence says that it was taken."""
    home.sign_up("ada@example.org")

    expect(home.page.locator("#signup-message")).to_contain_text("A mail to ada@example.org")
    expect(home.email).to_have_value("")
    expect(home.page.locator("#picture-name")).to_have_text("Choose a picture")
    expect(home.page.locator("#picture-preview")).to_be_hidden()


def test_the_next_sign_up_can_be_typed_while_the_last_one_is_on_its_way(home: Home) -> None:
    """What was typed meanwhile stays when the answer comes."""
    answers: list[Route] = []

    def hold(route: Route) -> None:
        answers.append(route)

    home.page.route("**/api/v1/signups", hold)
    home.fill("ada@example.org")
    home.submit.click()
    expect(home.submit).to_have_text("Sending …")
    home.email.fill("grace@example.org")

    answers[0].continue_()

    expect(home.card("ada@example.org")).to_be_visible()
    expect(home.submit).to_have_text("Sign up")
    expect(home.email).to_have_value("grace@example.org")


def test_reload_keeps_the_sign_ups(home: Home) -> None:
    """They belong to the browser, as jobs do."""
    home.sign_up("ada@example.org")

    home.reload()

    expect(home.card("ada@example.org").get_by_role("img")).to_be_visible()


def test_the_keyboard_is_enough_to_sign_up(home: Home) -> None:
    """Tab, Enter, Tab, type, Enter; the focus can be seen on the way."""
    # Watched from the start: what is told to the browser just before a key comes after the key.
    home.page.on("filechooser", lambda chooser: chooser.set_files(PHOTOGRAPH))
    keyboard = home.page.keyboard
    home.page.get_by_role("link", name="Mail").focus()
    keyboard.press("Tab")
    expect(home.picture).to_be_focused()
    face = home.page.locator(".picker__face")
    assert face.evaluate("face => getComputedStyle(face).outlineStyle") == "solid"

    keyboard.press("Enter")
    expect(home.page.locator("#picture-preview")).to_be_visible()
    keyboard.press("Tab")
    expect(home.email).to_be_focused()
    keyboard.type("keys@example.org")
    keyboard.press("Enter")

    expect(home.card("keys@example.org")).to_be_visible()


def test_a_chosen_picture_is_shown_before_it_is_sent(home: Home) -> None:
    """Preview, name and size come from the file itself, without asking the server."""
    home.picture.set_input_files(PHOTOGRAPH)

    preview = home.page.locator("#picture-preview")
    expect(preview).to_be_visible()
    expect(preview).to_have_attribute("src", re.compile("^blob:"))
    expect(home.page.locator("#picture-name")).to_have_text("grace_hopper.jpg")
    expect(home.page.locator("#picture-size")).to_have_text("60 KiB")


@pytest.mark.parametrize(
    ("name", "size", "hint"),
    [
        ("notes.txt", 10, "The file is not a picture: choose a JPEG, PNG, GIF or WebP file."),
        ("me.jpg", 10 * MEBIBYTE + 1, "pictures may be at most 10 MiB."),
    ],
    ids=["no picture", "too large"],
)
def test_a_file_that_would_be_refused_is_not_even_sent(
    home: Home, tmp_path: Path, name: str, size: int, hint: str
) -> None:
    """The hint appears with the choice; pressing the button leads back to it."""
    picture = tmp_path / name
    picture.touch()
    os.truncate(picture, size)
    sent: list[Request] = []
    home.page.on("request", lambda call: sent.append(call) if call.method == "POST" else None)
    home.fill("ada@example.org", picture)
    assert hint in error(home.page, "picture")

    home.submit.click()

    expect(home.picture).to_be_focused()
    expect(home.picture).to_have_attribute("aria-invalid", "true")
    expect(home.email).to_have_value("ada@example.org")
    assert sent == []
    assert home.has_enqueued_nothing()


def test_an_empty_form_says_what_is_missing(home: Home) -> None:
    """Both sentences at once, and the focus on the first field."""
    home.submit.click()

    assert error(home.page, "picture") == "Choose a picture."
    assert error(home.page, "email") == "Enter your email address."
    expect(home.picture).to_be_focused()


def test_a_word_that_is_no_address_is_refused_beside_its_field(home: Home) -> None:
    """The browser knows that much; the sentence goes as soon as the address is corrected."""
    home.fill("ada")
    home.submit.click()
    assert "like name@example.org" in error(home.page, "email")
    expect(home.email).to_be_focused()

    home.email.press_sequentially("@example.org")

    expect(home.page.locator("#email-error")).to_be_empty()
    assert home.has_enqueued_nothing()


@pytest.mark.parametrize(
    ("email", "picture", "field", "sentence"),
    [
        ("ada@localhost", PHOTOGRAPH, "email", "Enter a valid email address"),
        ("ada@example.org", TEXT_AS_PNG, "picture", "The file is not a picture"),
    ],
    ids=["address", "picture"],
)
def test_what_only_the_server_can_judge_is_shown_beside_the_field_too(
    home: Home, email: str, picture: Picture, field: str, sentence: str
) -> None:
    """Its words, at the field it names, which gets the focus; what was typed stays."""
    home.fill(email, picture)
    home.submit.click()

    assert sentence in error(home.page, field)
    expect(home.page.locator(f"#{field}")).to_be_focused()
    expect(home.email).to_have_value(email)
    assert home.picture.evaluate("input => input.files.length") == 1
    assert home.has_enqueued_nothing()


def test_a_service_that_is_down_loses_nothing_that_was_typed(home: Home) -> None:
    """The sentence says when to try again; the second try needs one press."""
    detail = "Redis does not answer, so nothing was accepted."
    home.refuse("**/api/v1/signups", 503, {"detail": detail}, **{"Retry-After": "2"})
    home.fill("ada@example.org")
    home.submit.click()
    message = home.page.locator("#signup-message")
    expect(message).to_have_text(f"{detail} Try again in 2 seconds.")
    expect(message).to_have_attribute("role", "alert")

    home.page.unroute("**/api/v1/signups")
    home.submit.click()

    expect(home.card("ada@example.org")).to_be_visible()


def test_offline_the_page_says_that_it_does_not_know(home: Home) -> None:
    """Without an answer nobody knows what became of the request, and the page does not pretend."""
    home.fill("ada@example.org")
    home.page.context.set_offline(True)
    home.submit.click()
    expect(home.page.locator("#signup-message")).to_contain_text("The server does not answer.")
    expect(home.email).to_have_value("ada@example.org")

    home.page.context.set_offline(False)
    home.submit.click()

    expect(home.card("ada@example.org")).to_be_visible()


def test_an_upload_too_large_for_the_server_is_shown_beside_the_picture(home: Home) -> None:
    """The limit may have changed since the page was loaded; the server's answer counts."""
    detail = "Files may be at most 5 MiB."
    home.refuse("**/api/v1/signups", 413, {"detail": detail})
    home.fill("ada@example.org")
    home.submit.click()

    assert error(home.page, "picture") == detail


def test_a_damaged_photograph_leaves_a_card_that_says_so(home: Home) -> None:
    """The picture's job failed, the mail's did not: each tells its own outcome."""
    card = home.sign_up("ada@example.org", a_damaged_photograph())

    expect(card.locator("li").filter(has_text="Picture")).to_contain_text("Failed")
    expect(card.locator("li").filter(has_text="Mail")).to_contain_text("Succeeded")
    expect(card.get_by_role("img")).to_have_count(0)


def test_two_pages_of_one_browser_agree(home: Home) -> None:
    """A second tab shows what the first one did."""
    second = Home(home.page.context.new_page()).open()

    home.sign_up("ada@example.org")

    expect(second.card("ada@example.org").get_by_role("img")).to_be_visible()


def test_a_slow_upload_shows_how_far_it_is(new_visitor: NewVisitor) -> None:
    """A large picture on a thin line: the button says that it sends, the bar grows."""
    visitor = new_visitor().open()
    line = visitor.page.context.new_cdp_session(visitor.page)
    line.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": MEBIBYTE,
        },
    )
    padded = PHOTOGRAPH.read_bytes() + bytes(2 * MEBIBYTE)
    visitor.fill("ada@example.org", a_file("large.jpg", padded, "image/jpeg"))
    visitor.submit.click()

    bar = visitor.page.get_by_role("progressbar", name="Upload")
    expect(bar).to_be_visible()
    expect(visitor.submit).to_have_text("Sending …")

    expect(visitor.card("ada@example.org")).to_be_visible()
    expect(bar).to_be_hidden()
