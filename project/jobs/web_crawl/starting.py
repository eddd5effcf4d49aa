"""Errors for start pages that cannot be crawled. Pure."""

from project.errors import PermanentError, TemporaryError
from project.jobs.web_crawl.fetching import Problem
from project.jobs.web_crawl.pages import Page
from project.jobs.web_crawl.robots import Rules
from project.jobs.web_crawl.urls import host_of, path_of

_MAY_PASS = frozenset({429, 500, 502, 503, 504})


def check_start(page: Page) -> None:
    """Raise PermanentError or TemporaryError if the crawl cannot start at this page."""
    if page.problem is Problem.NO_HOST:
        raise PermanentError(
            f"There is no host {host_of(page.url)}: check the start page's address."
        )
    if page.problem is Problem.REFUSED:
        raise PermanentError(f"The start page cannot be fetched. {page.detail}")
    if page.problem is not None:
        raise TemporaryError(f"The start page cannot be fetched. {page.detail}")
    if page.status in _MAY_PASS:
        raise TemporaryError(f"The start page answers {page.status}.")
    if page.status >= 400:
        raise PermanentError(f"The start page answers {page.status}: check the URL.")
    if not page.redirects_to and not page.is_page:
        kind = page.content_type or "something without a type"
        raise PermanentError(f"The start page is not HTML but {kind}: start at an HTML page.")


def refuse_by_robots(url: str, rules: Rules) -> PermanentError | TemporaryError:
    """The error for a start page that robots.txt disallows."""
    if rules.refusal:
        return TemporaryError(
            f"The site's robots.txt cannot be read, so nothing may be fetched. {rules.refusal}"
        )
    return PermanentError(
        f"The site's robots.txt does not allow {path_of(url)}: start elsewhere or, if it is your "
        "own site, turn off “Respect robots.txt”."
    )
