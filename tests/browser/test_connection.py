"""How the page gets its news: pushed, else asked for, and it says which."""

from playwright.sync_api import Route, expect

from tests.browser.conftest import NewVisitor
from tests.browser.home import Home

EVENTS = "**/api/v1/events"

# A proxy that holds back what the server pushes: the stream opens, and nothing ever comes.
SILENT_STREAM = """
window.EventSource = class extends EventTarget {
  constructor() {
    super();
    this.readyState = 1;
    setTimeout(() => this.dispatchEvent(new Event("open")));
  }
  close() { this.readyState = 2; }
};
"""


def test_polling_takes_over_where_the_event_stream_is_blocked(new_visitor: NewVisitor) -> None:
    """A firewall that stops the stream costs seconds, not the page; and it is tried again."""
    visitor = new_visitor()
    visitor.page.context.route(EVENTS, lambda route: route.abort())
    visitor.open("polling")

    (job_id,) = visitor.start_quick()
    expect(visitor.row(job_id)).to_contain_text("Succeeded")
    visitor.page.context.unroute(EVENTS)

    visitor.expect_connection("live")


def test_polling_takes_over_where_the_event_stream_never_opens(new_visitor: NewVisitor) -> None:
    """Waiting for the stream is bounded."""
    held: list[Route] = []
    visitor = new_visitor()

    def hold(route: Route) -> None:
        held.append(route)

    visitor.page.context.route(EVENTS, hold)
    visitor.open("polling")

    (job_id,) = visitor.start_quick()

    expect(visitor.row(job_id)).to_contain_text("Succeeded")
    for route in held:
        route.abort()


def test_polling_takes_over_where_the_event_stream_stays_silent(new_visitor: NewVisitor) -> None:
    """An open stream proves nothing: what an ordinary request finds and it did not bring does."""
    visitor = new_visitor()
    visitor.page.context.add_init_script(SILENT_STREAM)
    visitor.open("live")

    row = visitor.row(visitor.start("Short"))

    visitor.expect_connection("polling")
    expect(row).to_contain_text("Succeeded")


def test_a_page_that_was_not_loaded_whole_loads_itself_again(new_visitor: NewVisitor) -> None:
    """One lost script must not leave a page that looks ready and is dead."""
    visitor = new_visitor()
    visitor.page.route("**/js/live.js", lambda route: route.abort(), times=1)

    visitor.open()

    (job_id,) = visitor.start_quick()
    expect(visitor.row(job_id)).to_contain_text("Succeeded")


def test_a_page_that_cannot_be_loaded_whole_says_so(new_visitor: NewVisitor) -> None:
    """It does not try for ever."""
    visitor = new_visitor()
    visitor.page.route("**/js/live.js", lambda route: route.abort())

    visitor.visit("/")

    expect(visitor.connection).to_contain_text("Not loaded: reload the page")


def test_news_goes_on_after_an_outage(home: Home) -> None:
    """Offline, the page says so; back online it catches up by itself."""
    home.page.context.set_offline(True)
    home.expect_connection("offline")
    (job_id,) = home.start_quick()  # a program of the same visitor, on another line

    home.page.context.set_offline(False)

    home.expect_connection("live")
    expect(home.row(job_id)).to_contain_text("Succeeded")
