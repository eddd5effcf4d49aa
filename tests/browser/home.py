"""The home page in a person's verbs."""

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, FilePayload, Locator, Page, expect

PHOTOGRAPHS = Path(__file__).parent / "photographs"
PHOTOGRAPH = PHOTOGRAPHS / "grace_hopper.jpg"

Picture = Path | FilePayload


class Home:
    """One visitor's view of the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rows = page.locator("#tasks > tr")
        self.cards = page.locator("#signups > li")
        self.connection = page.locator("#connection")
        self.announcements = page.locator("#announcements")
        self.picture = page.get_by_label("Picture", exact=True)
        self.email = page.get_by_label("Email address")
        self.submit = page.locator("#signup-button")

    def open(self, state: str = "live") -> "Home":
        """Visit the page and wait until it says how it gets its news."""
        self.visit("/")
        self.expect_connection(state)
        return self

    def visit(self, path: str) -> None:
        """Go to a page; once more where the machine's network changed in that very moment.

        Chromium then drops what it is loading, from this machine's own server too. It happens
        whenever a container is started or stopped beside the tests.
        """
        try:
            self.page.goto(path)
        except Error as error:
            if "ERR_NETWORK_CHANGED" not in error.message:
                raise
            self.page.goto(path)

    def reload(self) -> None:
        self.page.reload()
        self.expect_connection("live")

    def expect_connection(self, state: str) -> None:
        expect(self.connection).to_have_attribute("data-state", state)
        expect(self.connection).to_contain_text(state.capitalize())

    def row(self, job_id: str) -> Locator:
        return self.page.locator(f"#job-{job_id}")

    def row_of(self, title: str) -> Locator:
        """The row, or rows, of jobs of that kind."""
        name = self.page.get_by_role("rowheader", name=re.compile(f"^{re.escape(title)}"))
        return self.rows.filter(has=name)

    def card(self, email: str) -> Locator:
        heading = self.page.get_by_role("heading", name=email, exact=True)
        return self.cards.filter(has=heading)

    def start(self, length: str) -> str:
        """Press Short, Medium or Long; the job's id."""
        with self.page.expect_response("**/tasks") as answer:
            self.page.get_by_role("button", name=re.compile(f"^{length}")).click()
        task_id: str = answer.value.json()["task_id"]
        return task_id

    def start_quick(self, count: int = 1) -> list[str]:
        """Start jobs of no length, as a program of the same visitor would; their ids."""
        answers = [self.page.request.post("/tasks", data={"type": 0}) for _ in range(count)]
        return [answer.json()["task_id"] for answer in answers]

    def run_thumbnail(self, picture: Path = PHOTOGRAPH) -> str:
        """Hand a picture in, as a program of the same visitor would; the job's id."""
        sent = self.page.request.post("/api/v1/files", data=picture.read_bytes())
        parameters = {"picture": sent.json()["file"]}
        job = {"kind": "image.thumbnail", "parameters": parameters}
        job_id: str = self.page.request.post("/api/v1/jobs", data=job).json()["id"]
        return job_id

    def fill(self, email: str, picture: Picture = PHOTOGRAPH) -> None:
        self.picture.set_input_files(picture)
        self.email.fill(email)

    def sign_up(self, email: str, picture: Picture = PHOTOGRAPH) -> Locator:
        """Fill the form and send it; the card that shows the sign-up."""
        self.fill(email, picture)
        self.submit.click()
        card = self.card(email)
        expect(card).to_be_visible()
        expect(self.submit).to_have_text("Sign up")  # the answer is in, the form is free again
        return card

    def jobs(self) -> list[dict[str, Any]]:
        """This visitor's jobs, as the server knows them."""
        jobs: list[dict[str, Any]] = self.page.request.get("/api/v1/jobs?owner=me").json()["jobs"]
        return jobs

    def has_enqueued_nothing(self) -> bool:
        signups = self.page.request.get("/api/v1/signups").json()["signups"]
        return self.jobs() == [] and signups == []

    def mark(self, locator: Locator) -> None:
        """Leave a mark on the element, which a new element in its place would not have."""
        locator.evaluate("element => { element.marked = true; }")

    def is_marked(self, locator: Locator) -> bool:
        return bool(locator.evaluate("element => element.marked === true"))

    def refuse(self, path: str, status: int, problem: dict[str, Any], **headers: str) -> None:
        """From now on that path answers with this problem, as the server does when in trouble."""
        self.page.route(
            path,
            lambda route: route.fulfill(
                status=status,
                headers={"Content-Type": "application/problem+json", **headers},
                body=json.dumps(problem),
            ),
        )


def a_file(name: str, content: bytes, content_type: str) -> FilePayload:
    return {"name": name, "mimeType": content_type, "buffer": content}


def a_damaged_photograph() -> FilePayload:
    """It starts as a JPEG does, and breaks off in the middle."""
    content = PHOTOGRAPH.read_bytes()
    return a_file("damaged.jpg", content[: len(content) // 2], "image/jpeg")
