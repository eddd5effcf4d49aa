"""Whatever text comes in is shown as text, and nothing in it ever runs."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.home import PHOTOGRAPH, Home, a_file

MARKUP = '"><img src=x onerror="window.hacked = true"><b>bold</b>'
PARSING = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|DOMParser"
    r"|createContextualFragment|\beval\b|new Function"
)


def test_a_files_name_is_only_text(home: Home) -> None:
    """The name of a file is a stranger's text."""
    name = f"{MARKUP}.jpg".replace("/", "⁄")
    home.fill("ada@example.org", a_file(name, PHOTOGRAPH.read_bytes(), "image/jpeg"))

    expect(home.page.locator("#picture-name")).to_have_text(name)

    home.submit.click()
    expect(home.card("ada@example.org")).to_be_visible()
    assert not home.page.evaluate("() => 'hacked' in window")


def test_an_address_is_only_text(home: Home) -> None:
    """Entities in an address are shown as they were typed, on the card and in the mail's page."""
    email = "o'hara&ltimg&amp@example.org"

    card = home.sign_up(email)

    expect(card.get_by_role("heading")).to_have_text(email)


def test_every_word_of_a_job_is_only_text(home: Home) -> None:
    """A worker's name, an error or a result may hold anything; so may a sign-up's address."""
    found = home.page.evaluate(
        """async (text) => {
          const { createRow } = await import("/static/js/row.js");
          const { createCard } = await import("/static/js/card.js");
          const time = "2026-01-01T00:00:00.000000Z";
          const job = { id: "1", title: text, queue: text, worker: text, kind: text, version: 1,
            attempt: 1, submitted_at: time, started_at: time, finished_at: time, progress: null };
          const states = [
            { status: "failed", error: { type: text, message: text } },
            { status: "succeeded", result: { [text]: text } },
            { status: "succeeded", result: text },
            { status: "succeeded", result: { thumbnails: [{ url: "javascript:0", width: text }] } },
            { status: "running", progress: { done: 1, total: 2, step: text } },
            { status: text },
          ];
          const rows = states.map((state) => {
            const row = createRow(job);
            row.update({ ...job, ...state });
            document.querySelector("#tasks").append(row.element);
            return row.element;
          });
          const signup = { id: "2", email: text, picture_job: "1", mail_job: "1" };
          const card = createCard(signup, () => ({ ...job, ...states[0] }));
          card.update(signup);
          document.querySelector("#signups").append(card.element);
          const elements = [...rows, card.element];
          const parsed = "b, [onerror], [href^=java]";
          return {
            parsed: elements.filter((element) => element.querySelector(parsed)).length,
            shown: elements.filter((element) => element.textContent.includes(text)).length,
          };
        }""",
        MARKUP,
    )

    assert found == {"parsed": 0, "shown": 7}
    assert not home.page.evaluate("() => 'hacked' in window")


def test_no_script_of_ours_parses_html(repository: Path) -> None:
    """Whoever adds a script finds the rule here before an attacker finds the gap."""
    scripts = sorted((repository / "project/client/static/js").rglob("*.js"))

    assert scripts
    assert [script.name for script in scripts if PARSING.search(script.read_text())] == []
