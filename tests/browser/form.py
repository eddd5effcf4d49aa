"""The form of a kind, in a person's verbs."""

from pathlib import Path
from typing import Any

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.home import Home, a_file

LOAD = """async ([schema, value]) => {
  const { createForm } = await import("/static/js/form/form.js");
  window.made = createForm(schema, { value, maxBytes: 1024 * 1024 });
  document.getElementById("fields").replaceChildren(window.made.element);
}"""


class Form:
    """One visitor's view of a form."""

    def __init__(self, visitor: Home) -> None:
        self.visitor = visitor
        self.page: Page = visitor.page
        self.button = self.page.locator("#run-button")
        self.message = self.page.locator("#run-message")

    def open(self, kind: str) -> "Form":
        """Visit the form and wait until its fields are there."""
        self.visitor.visit(f"/new/{kind}")
        expect(self.button).to_be_visible()
        return self

    def make(self, schema: dict[str, Any], value: Any = None) -> "Form":
        """Put the fields of this schema in place of the kind's."""
        self.page.evaluate(LOAD, [schema, value])
        return self

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    def group(self, name: str) -> Locator:
        return self.page.get_by_role("group", name=name, exact=True)

    def chooser(self, label: str) -> Locator:
        return self.page.locator(f'input[type="file"][aria-label="{label}"]')

    def choose_file(self, label: str, *files: Path | FilePayload) -> None:
        payloads = [
            a_file(one.name, one.read_bytes(), "image/jpeg") if isinstance(one, Path) else one
            for one in files
        ]
        self.chooser(label).set_input_files(payloads)

    def open_options(self) -> None:
        self.page.get_by_text("More options").click()

    def read(self) -> Any:
        """What the form would send."""
        return self.page.evaluate("() => window.made.read()")

    def check(self) -> bool:
        """Whether the browser would let it be sent."""
        return bool(self.page.evaluate("() => window.made.check()"))

    def fault(self, field: str, text: str) -> bool:
        """Show what the server says of that field; whether there is such a field."""
        return bool(
            self.page.evaluate("([name, text]) => window.made.fault(name, text)", [field, text])
        )

    def said_beside(self, control: Locator) -> str:
        """The sentence beside a control, which a screen reader is told of at once."""
        error = control.locator("xpath=ancestor::*[contains(@class, 'field')][1]").locator(
            "xpath=./*[@role='alert'] | ./div[@class='group__body']/*[@role='alert']"
        )
        expect(error).not_to_be_empty()
        return error.inner_text()

    def run(self) -> str:
        """Press Run; the id of the job, whose page follows."""
        self.button.click()
        self.page.wait_for_url("**/jobs/*")
        return self.page.url.rpartition("/")[2]
