"""Each kind that people are offered: run from its form with real files, its result looked at."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect
from pypdf import PdfReader

from tests.browser.conftest import NewVisitor, Stack
from tests.browser.form import Form
from tests.browser.home import PHOTOGRAPH, PHOTOGRAPHS, a_file
from tests.browser.mail import caught_mail
from tests.deploy.photograph import is_upright, portrait
from tests.site import Site, serving
from tests.tables import orders, orders_csv

RUN_HERE = {
    *("create_task", "data.analyze", "email.send", "image.thumbnail", "jobs.history"),
    *("ml.predict", "ml.train", "report.build", "web.crawl", "workflow"),
}
DEADLINE_MILLISECONDS = 90_000
"""The queue for long jobs is shared with tests whose jobs sleep for half a minute."""
ROWS = 2_000


@pytest.fixture
def form(new_visitor: NewVisitor) -> Form:
    """A form that no kind was chosen for yet."""
    return Form(new_visitor(viewport={"width": 1440, "height": 900}))


@pytest.fixture
def site() -> Iterator[Site]:
    """A site on this machine, with broken links and loops."""
    with serving() as site:
        yield site


def send(form: Form, label: str, *files: FilePayload | Path) -> None:
    """Choose files, and wait until they are sent."""
    form.choose_file(label, *files)
    for file in files:
        name = file.name if isinstance(file, Path) else file["name"]
        line = form.page.locator(".file", has_text=name)
        expect(line.locator(".file__size")).to_contain_text("·")
        expect(line.locator(".bar")).to_be_hidden()


def send_table(form: Form) -> None:
    send(form, "Table", a_file("orders.csv", orders_csv(ROWS), "text/csv"))


def run(form: Form) -> Locator:
    """Run it to its good end; what came of it."""
    form.run()
    expect(form.page.locator("#state")).to_contain_text("Succeeded", timeout=DEADLINE_MILLISECONDS)
    expect(form.page.locator("#result")).to_be_visible()
    return form.page.locator("#result")


def list_pictures(result: Locator) -> list[str]:
    """Their titles, once each of them was loaded."""
    pictures = result.locator(".gallery").get_by_role("img").all()
    for picture in pictures:
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    return [picture.get_attribute("alt") or "" for picture in pictures]


def download(page: Page, name: str) -> bytes:
    """The file that is saved under that name."""
    with page.expect_download() as saving:
        page.get_by_role("link", name=f"Download {name}").click()
    assert saving.value.suggested_filename == name
    return saving.value.path().read_bytes()


def read_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def cells(table: Locator, row: int) -> list[str]:
    return table.get_by_role("row").nth(row).get_by_role("cell").all_inner_texts()


def test_no_offered_kind_is_left_out(form: Form) -> None:
    form.visitor.visit("/new")

    names = form.page.locator(".kind__name code").all_inner_texts()

    assert set(names) == RUN_HERE


def test_photograph_of_a_phone_becomes_upright_pictures(form: Form) -> None:
    form.open("image.thumbnail")
    send(form, "Picture", a_file("phone.jpg", portrait(), "image/jpeg"))
    form.group("Formats").get_by_label("png").check()

    result = run(form)

    titles = list_pictures(result)
    assert len(titles) == 6
    assert {title.rpartition(", ")[0] for title in titles[-2:]} == {
        "480 × 640, PNG",
        "480 × 640, WebP",
    }
    frames = result.locator(".gallery a").all()
    for address in [frame.get_attribute("href") or "" for frame in frames]:
        assert is_upright(form.page.request.get(address).body())


def test_pictures_get_a_contact_sheet_and_a_damaged_one_is_told_of(form: Form) -> None:
    form.open("image.thumbnail")
    damaged = a_file("damaged.jpg", PHOTOGRAPH.read_bytes()[:30_000], "image/jpeg")
    send(form, "Pictures", PHOTOGRAPH, PHOTOGRAPHS / "eileen_collins.jpg", damaged)

    result = run(form)

    assert list_pictures(result) == ["Contact sheet: pictures 1 to 3 of 3"]
    refused = result.get_by_role("table", name="Pictures that could not be used")
    assert cells(refused, 1)[0] == "3"
    assert len(json.loads(download(form.page, "thumbnails.json"))) == 6


def test_mail_with_an_attachment_reaches_its_recipient(form: Form, stack: Stack) -> None:
    form.open("email.send")
    form.field("Recipient").fill("kinds@example.org")
    form.field("Subject").fill("Two regions")
    form.field("Text").fill("Dear Ada,\n\nhere they are.")
    form.open_options()
    send(form, "Attachments", a_file("regions.csv", b"a,b\n1,2\n", "text/csv"))
    form.field("Attachment names").fill("regions.csv")

    result = run(form)

    expect(result).not_to_contain_text("kinds@example.org")
    mail = caught_mail(stack.inbox_url, "kinds@example.org")
    assert mail["Subject"] == "Two regions"
    assert [one.get_filename() for one in mail.iter_attachments()] == ["regions.csv"]


def test_table_is_analysed(form: Form) -> None:
    form.open("data.analyze")
    send_table(form)

    result = run(form)

    expect(result.locator(".facts")).to_contain_text(f"Rows{ROWS:,}")
    assert list_pictures(result) == ["Distributions", "Correlations"]
    report = form.page.frame_locator('iframe[title="report.html"]')
    expect(report.get_by_role("heading", level=1)).to_be_visible()
    columns = download(form.page, "columns.csv")
    assert [row["column"] for row in read_rows(columns)] == orders(1).columns


def test_model_is_trained_and_used(form: Form) -> None:
    """The page of the training leads to the form that uses its model."""
    form.open("ml.train")
    send_table(form)
    form.field("Target").fill("price")
    result = run(form)
    assert len(list_pictures(result)) >= 1
    expect(result.get_by_role("table", name="Scores on the test part")).to_be_visible()
    assert zipfile.is_zipfile(io.BytesIO(download(form.page, "model.skops")))
    link = form.page.get_by_role("link", name="Predict with this model")

    link.click()
    expect(form.page.get_by_role("heading", level=1)).to_have_text("Predict with a model")
    send_table(form)
    result = run(form)

    assert list_pictures(result) == ["Predictions"]
    assert len(read_rows(download(form.page, "predictions.csv"))) == ROWS
    parquet = pl.read_parquet(io.BytesIO(download(form.page, "predictions.parquet")))
    assert parquet.height == ROWS


def test_site_is_crawled(form: Form, site: Site) -> None:
    form.open("web.crawl")
    form.field("Start page").fill(f"{site.url}odd")
    form.open_options()
    form.field("Page limit").fill("60")
    form.field("Requests per second").fill("100")

    result = run(form)

    expect(result.locator(".result__summary")).to_contain_text("broken links")
    assert len(list_pictures(result)) == 1
    report = form.page.frame_locator("iframe").get_by_role("heading", level=1)
    expect(report).to_be_visible()
    assert site.trapped == []
    assert len(read_rows(download(form.page, "pages.csv"))) > 30


def test_report_is_built_in_parts_that_are_seen_live(form: Form) -> None:
    form.open("report.build")
    send_table(form)
    form.open_options()
    form.field("Title").fill("Orders by city")
    form.field("Column to sum").fill("price")
    form.field("Sum by").fill("city")
    form.run()
    parts = form.page.get_by_role("region", name="Child jobs")

    expect(parts).to_contain_text("of 9 finished", timeout=DEADLINE_MILLISECONDS)
    expect(parts.locator("li li")).to_have_count(9)
    expect(parts.get_by_text("part 8")).to_be_visible()
    state = form.page.locator("#state")
    expect(state).to_contain_text("Succeeded", timeout=DEADLINE_MILLISECONDS)
    expect(parts).to_contain_text("9 of 9 finished")

    table = form.page.locator("#result").get_by_role("table", name="By city")
    assert cells(table, 1)[0] == "Berlin"
    pdf = PdfReader(io.BytesIO(download(form.page, "report.pdf")))
    assert "Orders by city" in pdf.pages[0].extract_text()
    assert len(read_rows(download(form.page, "groups.csv"))) == 3


def test_workflow_runs_as_its_example_stands_there(form: Form) -> None:
    """Two steps, of which the second one takes what the first has made."""
    form.open("workflow")
    steps = json.loads(form.field("Steps").input_value())
    assert list(steps) == ["history", "report"]

    result = run(form)

    assert cells(result.get_by_role("table").last, 1)
    expect(form.page.get_by_role("region", name="Child jobs")).to_contain_text("history")
    expect(form.page.get_by_role("region", name="Child jobs").locator("li li li")).to_have_count(5)
    assert download(form.page, "report.pdf").startswith(b"%PDF")


def test_history_of_jobs_is_a_table_to_download(form: Form) -> None:
    form.visitor.visit("/")
    form.visitor.start_quick()
    form.open("jobs.history")
    form.field("Days").fill("1")

    run(form)

    kinds = {row["kind"] for row in read_rows(download(form.page, "jobs.csv"))}
    assert "create_task" in kinds


def test_sleep_is_cancelled(form: Form) -> None:
    form.open("create_task")
    form.field("Type").fill("1")
    form.run()
    expect(form.page.locator("#state")).to_contain_text("Running")

    form.page.get_by_role("button", name="Cancel Sleep").click()

    expect(form.page.locator("#state")).to_contain_text("Cancelled")
    expect(form.page.locator("#result-section")).to_be_hidden()
