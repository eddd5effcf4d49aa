"""Forms that are made from the parameters of a kind: filled in, sent, and put right."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.conftest import NewVisitor, Stack
from tests.browser.form import Form
from tests.browser.home import PHOTOGRAPH, a_file
from tests.browser.kinds import EverythingParameters
from tests.browser.test_design import DESKTOP, PHONE, faults, scrolls_sideways
from tests.browser.test_hostile_text import MARKUP

EVERYTHING = EverythingParameters.model_json_schema()


@pytest.fixture
def form(new_visitor: NewVisitor) -> Form:
    """The form of Sleep, opened by somebody who comes for the first time."""
    return Form(new_visitor()).open("create_task")


def fill_in_everything(form: Form) -> None:
    """All that is asked for, and some of what is not."""
    form.field("Name").fill("Spring")
    form.field("Text").fill("One\nTwo")
    form.field("Recipient").fill("ada@example.org")
    form.field("Source").fill("https://example.org/feed")
    form.field("Copies").fill("3")
    form.field("Scale").fill("0.5")
    form.group("Format").get_by_label("PNG").check()
    form.field("Weekday").select_option("Friday")
    form.field("Due on").fill("2026-06-01")
    form.field("Starts at").fill("2026-06-01T09:30")
    form.choose_file("Picture", PHOTOGRAPH)
    form.choose_file("Attachments", PHOTOGRAPH, a_file("notes.txt", b"Some words.", "text/plain"))
    form.field("Sizes 1").fill("64")
    form.page.get_by_role("button", name="Add to Sizes").click()
    form.field("Sizes 2").fill("256")
    form.field("Addresses").fill("one\n\n two \n")
    form.group("Formats").get_by_label("JPEG").check()
    form.group("Formats").get_by_label("WebP").check()
    form.page.get_by_role("button", name="Add to Boxes").click()
    form.group("Boxes 1").get_by_label("Width").fill("10")
    form.group("Box").get_by_label("Width").fill("20")
    form.open_options()
    form.field("Is public").check()
    form.group("Is checked").get_by_label("No", exact=True).check()
    form.field("Watermark").check()
    form.group("Watermark").get_by_label("Text").fill("PreparedJob")
    form.field("Labels").fill('{"season": ["spring"]}')
    form.field("Quality").fill("90")
    expect(form.page.locator(".file__size", has_text="JPEG")).to_have_count(2)
    expect(form.page.locator(".file__size", has_text="text ·")).to_have_count(1)


def test_what_a_form_of_every_field_reads_is_what_the_model_takes(form: Form) -> None:
    """The schema is pydantic's own, and so is the judgement."""
    form.make(EVERYTHING)
    fill_in_everything(form)

    assert form.check()
    sent = form.read()
    taken = EverythingParameters.model_validate(sent)

    assert taken.text == "One\nTwo"
    assert taken.starts_at.utcoffset() is not None
    assert (taken.copies, taken.scale, taken.format, taken.weekday) == (3, 0.5, "PNG", "Friday")
    assert taken.sizes == [64, 256]
    assert taken.addresses == ["one", "two"]
    assert taken.formats == ["JPEG", "WebP"]
    assert [(box.width, box.height) for box in taken.boxes] == [(10, 300)]
    assert taken.box.width == 20
    assert (taken.is_public, taken.is_checked) == (True, False)
    assert taken.watermark
    assert (taken.watermark.text, taken.watermark.opacity) == ("PreparedJob", 0.5)
    assert taken.labels == {"season": ["spring"]}
    assert (taken.quality, taken.tone, taken.note, taken.priority) == (90, "calm", None, None)
    assert [one.rpartition(".")[2] for one in taken.attachments] == ["jpg", "txt"]
    assert taken.table is None


def test_empty_form_says_at_each_field_what_is_missing(form: Form) -> None:
    """In the browser's words, and the focus on the first."""
    form.make(EVERYTHING)

    assert not form.check()

    expect(form.field("Name")).to_be_focused()
    expect(form.field("Name")).to_have_attribute("aria-invalid", "true")
    for label in ("Name", "Text", "Copies", "Weekday", "Due on", "Sizes 1"):
        assert form.said_beside(form.field(label))
    assert form.said_beside(form.chooser("Picture")) == "Choose a file."
    assert form.said_beside(form.group("Formats").get_by_label("PNG")) == "Choose at least 1."


def test_fault_goes_when_the_field_is_put_right(form: Form) -> None:
    form.make(EVERYTHING)
    form.check()

    form.field("Name").fill("Spring")

    expect(form.field("Name")).not_to_have_attribute("aria-invalid", "true")
    error = form.page.locator(
        ".field:has(> #" + (form.field("Name").get_attribute("id") or "") + ") > .error"
    )
    expect(error).to_be_empty()


@pytest.mark.parametrize(
    ("field", "label"),
    [
        ("name", "Name"),
        ("sizes.1", "Sizes 2"),
        ("addresses.1", "Addresses"),
        ("boxes.0.height", "Height"),
        ("watermark.opacity", "Opacity"),
        ("quality", "Quality"),
    ],
)
def test_what_the_server_says_stands_beside_the_field_that_it_names(
    form: Form, field: str, label: str
) -> None:
    """However deep it is, and wherever it was put away."""
    value = {
        "sizes": [1, 2],
        "addresses": ["a", "b"],
        "boxes": [{"width": 1}],
        "watermark": {"text": "x"},
    }
    form.make(EVERYTHING, value)

    assert form.fault(field, "Not this one.")

    focused = form.page.locator(":focus")
    expect(focused).to_have_attribute("aria-invalid", "true")
    assert focused.evaluate("control => control.labels[0].textContent") == label
    assert "Not this one." in form.said_beside(focused)


def test_fault_of_an_unknown_field_is_told_elsewhere(form: Form) -> None:
    form.make(EVERYTHING)

    assert not form.fault("parameters", "No such file.")


def test_values_of_a_link_are_filled_in(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    visitor.visit('/new/create_task?parameters={"type": 7}')

    expect(visitor.page.get_by_label("Type")).to_have_value("7")


def test_hints_defaults_marks_and_limits_come_from_the_schema(form: Form) -> None:
    form.make(EVERYTHING)
    form.open_options()

    expect(form.field("Name")).to_have_attribute("placeholder", "Spring catalogue")
    expect(form.field("Name")).to_have_attribute("maxlength", "40")
    expect(form.field("Copies")).to_have_attribute("max", "9")
    expect(form.field("Copies")).to_have_attribute("required", "")
    expect(form.field("Scale")).to_have_attribute("step", "any")
    expect(form.field("Quality")).to_have_value("80")
    expect(form.field("Quality")).not_to_have_attribute("required", "")
    expect(form.field("Text")).to_have_accessible_description("As long as you like")
    expect(form.chooser("Picture")).to_have_attribute("accept", re.compile(r"image/png,\.png"))


def test_rows_keep_to_the_limits_of_a_list(form: Form) -> None:
    """One is there from the start and stays; after the fourth no other is offered."""
    form.make(EVERYTHING)
    add = form.page.get_by_role("button", name="Add to Sizes")
    expect(form.page.get_by_role("button", name="Remove Sizes 1")).to_be_hidden()
    for _ in range(3):
        add.click()
    expect(add).to_be_hidden()

    form.page.get_by_role("button", name="Remove Sizes 2").click()

    expect(form.field("Sizes 3")).to_be_visible()
    expect(form.field("Sizes 4")).to_have_count(0)
    expect(add).to_be_visible()


VARIANTS: dict[str, Any] = {
    "$defs": {
        "Cat": {"type": "object", "title": "Cat", "required": ["kind", "lives"],
                "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}},
        "Dog": {"type": "object", "title": "Dog", "required": ["kind", "name"],
                "properties": {"kind": {"const": "dog"}, "name": {"type": "string"}}},
        "Node": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"},
            "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None}}},
    },
    "type": "object",
    "required": ["pet", "node", "price", "anything", "pair"],
    "properties": {
        "pet": {"oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
                "discriminator": {"propertyName": "kind"}},
        "node": {"$ref": "#/$defs/Node"},
        "price": {"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^[0-9.]+$"}]},
        "anything": {},
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
    },
}  # fmt: skip


def test_what_has_several_forms_or_none_or_contains_itself_has_a_field(form: Form) -> None:
    form.make(VARIANTS)
    form.field("Pet").select_option(label="Dog")
    form.group("Dog").get_by_label("Name").fill("Rex")
    form.group("Node").get_by_label("Name").first.fill("a")
    form.field("Next").check()
    form.group("Next").get_by_label("Name").fill("b")
    form.field("Price").fill("9.5")
    form.field("Anything").fill("[1]")
    form.field("Pair").fill('[1, "x"]')

    assert form.check()
    assert form.read() == {
        "pet": {"kind": "dog", "name": "Rex"},
        "node": {"name": "a", "next": {"name": "b"}},
        "price": 9.5,
        "anything": [1],
        "pair": [1, "x"],
    }


def or_null(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], **more}


OPTIONAL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "checks": or_null({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1}),
        "lines": or_null({"type": "array", "items": {"type": "string"}, "minItems": 1}),
        "rows": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
        "files": {"type": "array", "items": {"type": "string", "format": "file"}, "minItems": 1},
        "word": {"type": "string", "default": "x"},
        "maybe": or_null({"type": "string"}, default="y"),
        "day": or_null({"enum": ["Mo", "Tu", "We", "Th"]}, default=None),
    },
}


def test_what_is_left_empty_is_left_out_or_takes_a_default_away(form: Form) -> None:
    """Limits count only for what is given."""
    form.make(OPTIONAL)
    form.field("Word").fill("")
    form.field("Maybe").fill("")

    assert form.check()
    assert form.read() == {"word": "", "maybe": None}


def test_broken_json_is_named_before_it_is_sent(form: Form) -> None:
    form.make(EVERYTHING)
    form.open_options()

    form.field("Labels").fill("[1]")
    form.check()
    assert "Write a JSON object" in form.said_beside(form.field("Labels"))

    form.field("Labels").fill('{"a": }')
    form.check()
    assert "This is not valid JSON" in form.said_beside(form.field("Labels"))


def test_hostile_schema_is_only_text(form: Form) -> None:
    """Whoever writes a kind may write anything; it is shown as it was written."""
    texts = {"title": MARKUP, "description": MARKUP, "examples": [MARKUP]}
    form.make(
        {
            "type": "object",
            "required": ["a", "b", "c", "d"],
            "properties": {
                "a": {"type": "string", **texts},
                "b": {"enum": [MARKUP, "x", "y", "z"], **texts},
                "c": {"type": "array", "items": {"enum": [MARKUP]}, **texts},
                "d": {"type": "object", "properties": {MARKUP: {"type": "string"}}, **texts},
                "e": {
                    "type": "array",
                    "items": {"type": "string", "format": "file", "accept": [MARKUP]},
                    **texts,
                },
            },
        }
    )
    form.fault("a", MARKUP)

    expect(form.page.get_by_text(MARKUP).first).to_be_visible()
    assert form.page.locator("#fields").locator("b, [onerror]").count() == 0
    assert not form.page.evaluate("() => 'hacked' in window")


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────


def file_line(form: Form, name: str) -> Any:
    return form.page.locator(".file", has_text=name)


def test_chosen_picture_is_sent_at_once_and_shown_small(form: Form) -> None:
    form.make(EVERYTHING)

    form.choose_file("Picture", PHOTOGRAPH)

    line = file_line(form, "grace_hopper.jpg")
    expect(line).to_contain_text("JPEG · 60 KiB")
    expect(line.locator("img")).to_be_visible()
    file_id = form.read()["picture"]
    assert form.page.request.get(f"/api/v1/files/{file_id}").body() == PHOTOGRAPH.read_bytes()


def test_another_picture_takes_the_place_of_the_first(form: Form) -> None:
    form.make(EVERYTHING)
    form.choose_file("Picture", PHOTOGRAPH)
    expect(file_line(form, "grace_hopper.jpg")).to_contain_text("JPEG")

    form.choose_file("Picture", PHOTOGRAPH.with_name("eileen_collins.jpg"))

    expect(file_line(form, "eileen_collins.jpg")).to_contain_text("JPEG")
    expect(file_line(form, "grace_hopper.jpg")).to_have_count(0)


def test_file_of_another_type_is_refused_beside_its_name(form: Form) -> None:
    """By its bytes: what it calls itself counts for nothing."""
    form.make(EVERYTHING)

    form.choose_file("Picture", a_file("me.jpg", b"Only words.", "image/jpeg"))

    expect(file_line(form, "me.jpg").get_by_role("alert")).to_have_text(
        "This is text: choose JPEG, PNG, GIF, WebP or AVIF."
    )
    assert not form.check()
    form.page.get_by_role("button", name="Remove me.jpg").click()
    expect(file_line(form, "me.jpg")).to_have_count(0)


def test_file_that_is_too_large_is_not_even_sent(form: Form) -> None:
    form.make(EVERYTHING)
    sent: list[Request] = []
    form.page.on("request", lambda call: sent.append(call) if call.method == "POST" else None)

    form.choose_file("Picture", a_file("huge.png", bytes(1024 * 1024 + 1), "image/png"))

    expect(file_line(form, "huge.png").get_by_role("alert")).to_contain_text(
        "Files may be at most 1 MiB."
    )
    assert sent == []


def test_failed_upload_can_be_sent_again(form: Form) -> None:
    form.make(EVERYTHING)
    form.page.route("**/api/v1/files", lambda route: route.abort())
    form.choose_file("Picture", PHOTOGRAPH)
    line = file_line(form, "grace_hopper.jpg")
    expect(line.get_by_role("alert")).to_have_text("The server does not answer.")
    form.page.unroute("**/api/v1/files")

    line.get_by_role("button", name="Send grace_hopper.jpg again").click()

    expect(line).to_contain_text("JPEG · 60 KiB")
    expect(line).not_to_contain_text("does not answer")


def test_form_waits_for_its_uploads(form: Form) -> None:
    """What is on its way is not left out."""
    held: list[Route] = []
    form.make(EVERYTHING)

    def hold(route: Route) -> None:
        held.append(route)

    form.page.route("**/api/v1/files", hold)
    with form.page.expect_request("**/api/v1/files"):
        form.choose_file("Picture", PHOTOGRAPH)

    assert not form.check()
    assert form.said_beside(form.chooser("Picture")) == "Wait until the file is sent."

    held[0].continue_()
    expect(file_line(form, "grace_hopper.jpg")).to_contain_text("JPEG · 60 KiB")


def test_many_files_keep_their_order_and_each_its_fault(form: Form) -> None:
    form.make(EVERYTHING)
    files = [
        a_file(f"{number}.txt", f"Text {number}".encode(), "text/plain") for number in range(4)
    ]
    form.choose_file("Attachments", *files)
    expect(form.page.locator(".file__size", has_text="text · 6 B")).to_have_count(4)

    form.page.get_by_role("button", name="Remove 1.txt").click()
    contents = [
        form.page.request.get(f"/api/v1/files/{one}").text() for one in form.read()["attachments"]
    ]
    assert contents == ["Text 0", "Text 2", "Text 3"]

    assert form.fault("attachments.1", "Not this one.")
    expect(file_line(form, "2.txt").get_by_role("alert")).to_have_text("Not this one.")


def test_file_that_a_job_has_made_can_be_used(form: Form) -> None:
    form.make(EVERYTHING)
    file_id = f"{'a' * 32}.png"
    group = form.group("Picture")
    group.get_by_text("Use a file that a job has made").click()

    form.field("Id of a file for Picture").fill(f"http://localhost/api/v1/files/{file_id}")
    form.page.keyboard.press("Enter")

    assert form.read()["picture"] == file_id


# ── The whole way ─────────────────────────────────────────────────────────────────────────────────


def test_kinds_lead_to_their_forms(new_visitor: NewVisitor) -> None:
    visitor = new_visitor().open()
    visitor.page.get_by_role("main").get_by_role("link", name="Run a job").click()
    visitor.page.get_by_role("link", name="E-mail").click()

    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("E-mail")
    expect(visitor.page.get_by_label("Recipient", exact=True)).to_be_visible()


def test_sleep_is_run_from_its_form_and_its_page_follows(form: Form) -> None:
    form.field("Type").fill("0")

    job_id = form.run()

    expect(form.page.locator("#state")).to_contain_text("Succeeded")
    expect(form.page.locator("#result")).to_contain_text("true")
    assert [job["id"] for job in form.visitor.jobs()] == [job_id]


def test_thumbnail_is_run_from_its_form(new_visitor: NewVisitor) -> None:
    form = Form(new_visitor()).open("image.thumbnail")
    form.choose_file("Picture", PHOTOGRAPH)
    expect(file_line(form, "grace_hopper.jpg")).to_contain_text("JPEG")

    form.run()

    expect(form.page.locator("#state")).to_contain_text("Succeeded")
    expect(form.page.locator(".gallery img").first).to_be_visible()


def test_mail_is_sent_from_its_form(new_visitor: NewVisitor, stack: Stack) -> None:
    form = Form(new_visitor()).open("email.send")
    form.field("Recipient").fill("form@example.org")
    form.field("Subject").fill("From a form")
    form.field("Text").fill("Dear Ada,\n\nhello.")

    form.run()

    expect(form.page.locator("#state")).to_contain_text("Succeeded")
    mails = form.page.request.get(f"{stack.inbox_url}/api/messages?to=form@example.org").json()
    assert "From a form" in json.dumps(mails)


def test_server_s_refusal_keeps_what_was_typed(new_visitor: NewVisitor) -> None:
    """The sentence beside the field, which has the focus; then it is put right and sent."""
    form = Form(new_visitor()).open("email.send")
    form.field("Recipient").fill("ada@localhost")
    form.field("Subject").fill("Hello")
    form.field("Text").fill("Words")
    form.button.click()

    assert "not a valid email address" in form.said_beside(form.field("Recipient"))
    expect(form.field("Recipient")).to_be_focused()
    expect(form.field("Recipient")).to_have_value("ada@localhost")
    expect(form.field("Subject")).to_have_value("Hello")

    form.field("Recipient").fill("put.right@example.org")
    form.run()


def test_two_presses_are_one_job(form: Form) -> None:
    form.field("Type").fill("0")

    form.button.dblclick()
    form.page.wait_for_url("**/jobs/*")

    assert len(form.visitor.jobs()) == 1


def test_answer_that_was_lost_is_asked_for_again_with_the_same_key(form: Form) -> None:
    """The first request got through; nobody wants two jobs of it."""

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    form.page.route("**/api/v1/jobs", lose)
    form.field("Type").fill("0")
    form.button.click()
    expect(form.message).to_contain_text("The server does not answer.")
    expect(form.field("Type")).to_have_value("0")
    form.page.unroute("**/api/v1/jobs")

    job_id = form.run()

    assert [job["id"] for job in form.visitor.jobs()] == [job_id]


def test_service_that_is_down_says_when_to_try_again(form: Form) -> None:
    detail = "Redis does not answer, so nothing was accepted."
    form.visitor.refuse("**/api/v1/jobs", 503, {"detail": detail}, **{"Retry-After": "2"})
    form.field("Type").fill("0")

    form.button.click()

    expect(form.message).to_have_text(f"{detail} Try again in 2 seconds.")
    expect(form.message).to_have_attribute("role", "alert")
    expect(form.field("Type")).to_have_value("0")


def test_job_can_run_later(form: Form) -> None:
    form.field("Type").fill("0")
    form.field("After a while").check()
    form.field("Delay").fill("2")
    form.field("Unit of the delay").select_option("hours")

    job_id = form.run()

    expect(form.page.locator("#facts")).to_contain_text("Not before")
    expect(form.page.locator("#state")).to_contain_text("Scheduled for")
    job = form.page.request.get(f"/api/v1/jobs/{job_id}").json()
    assert job["run_at"] > job["submitted_at"]
    form.page.get_by_role("button", name="Cancel Sleep").click()
    expect(form.page.locator("#state")).to_contain_text("Cancelled")


def test_the_keyboard_is_enough_to_run_a_job(form: Form) -> None:
    form.field("Type").focus()
    keyboard = form.page.keyboard
    keyboard.type("0")

    keyboard.press("Enter")

    form.page.wait_for_url("**/jobs/*")
    expect(form.page.locator("#state")).to_contain_text("Succeeded")


@pytest.mark.parametrize("path", ["/new/files.sweep", "/new/nothing"])
def test_kind_that_is_not_offered_has_no_form(new_visitor: NewVisitor, path: str) -> None:
    visitor = new_visitor()
    visitor.visit(path)

    expect(visitor.page.get_by_role("heading", name="Not Found")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["1440 pixels", "390 pixels"])
def test_forms_have_no_accessibility_faults_and_fit(
    new_visitor: NewVisitor, size: dict[str, Any], scheme: str
) -> None:
    """Filled in, with all faults and files, and nothing put away."""
    form = Form(new_visitor(color_scheme=scheme, **size)).open("create_task")
    form.make(EVERYTHING, {"watermark": {"text": "x"}, "boxes": [{"width": 5}]})
    form.choose_file("Attachments", PHOTOGRAPH, a_file(f"{'long-' * 30}.txt", b"x", "text/plain"))
    expect(form.page.locator(".file__size", has_text="text · 1 B")).to_be_visible()
    form.check()
    form.page.evaluate(
        "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    )

    assert faults(form.page) == []
    assert not scrolls_sideways(form.page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_kinds_have_no_accessibility_faults_and_fit(new_visitor: NewVisitor, scheme: str) -> None:
    visitor = new_visitor(color_scheme=scheme, **PHONE)
    visitor.visit("/new")

    assert faults(visitor.page) == []
    assert not scrolls_sideways(visitor.page)
