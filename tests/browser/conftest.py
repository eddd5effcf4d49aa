"""A browser, the stack it visits, and visitors: browser contexts that must not complain."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.browser.home import Home

# Longer than a Short job takes behind another one, on a busy machine.
DEADLINE_MILLISECONDS = 30_000
# Containers and root have no sandbox for the browser, and /dev/shm is small there.
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]

NewVisitor = Callable[..., Home]


@dataclass(frozen=True)
class Stack:
    """Where the running system is."""

    public_url: str
    inbox_url: str


def find_stack() -> Stack:
    """The stack that the environment names; KeyError where it names none."""
    return Stack(
        public_url=os.environ["JOBS_PUBLIC_URL"].rstrip("/"),
        inbox_url=f"http://127.0.0.1:{os.environ['JOBS_MAILCATCHER_PORT']}",
    )


def launch_chromium(playwright: Playwright) -> Browser:
    """Debian's own, if there is one; else the one that Playwright has installed.

    The shell is Chromium without its window: the whole program makes one even where nobody sees it,
    and takes twice the time.
    """
    expect.set_options(timeout=DEADLINE_MILLISECONDS)
    path = shutil.which("chromium-headless-shell")
    return playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)


@pytest.fixture(scope="session")
def stack() -> Stack:
    try:
        return find_stack()
    except KeyError as missing:
        pytest.fail(
            f"{missing} is not set: browser tests visit a running stack, as in `make test` or "
            "`python -m deploy.native exec -- pytest tests/browser`.",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture
def new_visitor(chromium: Browser, stack: Stack) -> Iterator[NewVisitor]:
    """Makes visitors. None of their pages may have raised, or broken its own security policy."""
    contexts, complaints = [], []

    def make(**options: Any) -> Home:
        context = chromium.new_context(base_url=stack.public_url, **options)
        context.set_default_timeout(DEADLINE_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        listen(page, complaints)
        return Home(page)

    yield make
    for context in contexts:
        cancel_jobs(context)
        context.close()
    assert complaints == []


@pytest.fixture
def home(new_visitor: NewVisitor) -> Home:
    """The page, opened by somebody who comes for the first time."""
    return new_visitor().open()


def cancel_jobs(context: BrowserContext) -> None:
    """What its visitor's jobs would still do, other tests' jobs would wait for."""
    context.set_offline(False)
    for job in context.request.get("/api/v1/jobs?owner=me").json()["jobs"]:
        if job["finished_at"] is None:
            context.request.post(f"/api/v1/jobs/{job['id']}/cancel")


def listen(page: Page, complaints: list[str]) -> None:
    # A status of 400 and above is "Failed to load resource" to the console. That an answer was
    # refused is what some tests are about, so each test judges its own answers.
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type in {"error", "warning"}
            and not message.text.startswith("Failed to load resource")
            else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
