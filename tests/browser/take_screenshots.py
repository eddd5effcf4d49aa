"""Renews the README's pictures, in `screenshots/`, beside a stack of their own:

python -m deploy.native exec -- python -m tests.browser.take_screenshots
"""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import Stack, find_stack, launch_chromium
from tests.browser.form import Form
from tests.browser.home import PHOTOGRAPHS, Home, a_file
from tests.browser.mail import confirmation_link
from tests.tables import orders_csv

FOLDER = Path(__file__).parent / "screenshots"
COLOURS = 256
"""Enough for a page of few colours and two small photographs, at a third of the size."""


def main() -> None:
    stack = find_stack()
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        wide = {"viewport": {"width": 1440, "height": 1060}}
        context = browser.new_context(base_url=stack.public_url, **wide)
        home = Home(context.new_page()).open()
        keep_busy(home, stack)
        save(home.page, "page.png")
        state = context.storage_state()
        look(browser, stack, "page-dark.png", color_scheme="dark", storage_state=state, **wide)
        phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
        look(browser, stack, "phone.png", storage_state=state, device_scale_factor=2, **phone)
        show_kinds(home)
        show_form(home)
        show_job(home)
        browser.close()


def keep_busy(home: Home, stack: Stack) -> None:
    """Two people sign up, one of them confirms; then a job of each length, on its way."""
    home.sign_up("eileen.collins@example.org", PHOTOGRAPHS / "eileen_collins.jpg")
    card = home.sign_up("grace.hopper@example.org")
    link = confirmation_link(stack.inbox_url, "grace.hopper@example.org")
    home.page.request.post(link)
    expect(card).to_contain_text("Confirmed")
    jobs = [home.start(length) for length in ("Long", "Medium", "Short")]
    expect(home.row(jobs[-1])).to_contain_text("60 %")
    home.page.reload()  # without the marks and messages of the clicks
    home.expect_connection("live")
    expect(home.cards.get_by_role("img")).to_have_count(2)
    # As the last thing: a reloaded page goes back to where it was scrolled when it has grown.
    home.page.evaluate("() => scrollTo(0, 0)")


def look(browser: Browser, stack: Stack, name: str, **options: object) -> None:
    """The same jobs in another window of the same visitor; a phone's is moved to the jobs."""
    context = browser.new_context(base_url=stack.public_url, **options)  # type: ignore[arg-type]
    home = Home(context.new_page()).open()
    expect(home.cards.get_by_role("img")).to_have_count(2)
    if "is_mobile" in options:
        home.page.locator("#signups-title").evaluate("title => title.scrollIntoView()")
    save(home.page, name)


def show_form(home: Home) -> None:
    """A form that is filled in, with a picture that was sent."""
    form = Form(home).open("image.thumbnail")
    form.choose_file("Picture", PHOTOGRAPHS / "grace_hopper.jpg")
    expect(form.page.locator(".file")).to_contain_text("JPEG")
    form.field("After a while").check()
    home.page.evaluate("() => scrollTo(0, 0)")
    save(home.page, "form.png")


def show_kinds(home: Home) -> None:
    """What can be run."""
    home.visit("/new")
    save(home.page, "kinds.png")


def show_job(home: Home) -> None:
    """A job with a report, pictures and tables to look at."""
    form = Form(home).open("data.analyze")
    form.choose_file("Table", a_file("orders.csv", orders_csv(2_000), "text/csv"))
    expect(form.page.locator(".file__size")).to_contain_text("·")
    expect(form.page.locator(".file .bar")).to_be_hidden()
    form.open_options()
    form.field("Title").fill("Orders of two years")
    form.run()
    report = home.page.frame_locator("iframe").get_by_role("heading", level=1)
    expect(report).to_be_visible()
    home.page.evaluate("() => scrollTo(0, 0)")
    save(home.page, "job.png")


def save(page: Page, name: str) -> None:
    for picture in page.get_by_role("img").all():
        picture.evaluate("image => image.decode()")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    FOLDER.mkdir(exist_ok=True)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
