"""The web application: parses requests, submits work through `submission`, shows the ledger's jobs.

`app` builds it. `pages` serves the page, `main` the tutorial's routes, and `routes` has a module
for each resource of the API. `sse` and `websocket` push changes as they happen. `parsing` turns
requests into values, `project.api` turns values into documents, and `answers` turns documents into
responses. `openapi` describes the whole API. `problems` decides every error's HTTP status.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from project.config import Settings


def create_app(settings: "Settings | None" = None, **_: Any) -> "Flask":
    """Build the application. It opens connections only with the first request."""
    # Workers import this package on the way to `tasks`, and do not need the application.
    from project.server.app import build_app  # noqa: PLC0415

    return build_app(settings)
