"""The web application: parses requests, hands work to `submission`, shows what the ledger says.

`app` puts it together. `pages` and `main` serve the page and the tutorial's routes, `routes` has a
module for each resource of the product's. `sse` and `websocket` push changes as they happen.
`parsing` turns requests into values; `project.api` turns values into documents, and `answers` those
into responses. `openapi` describes all of it. `problems` decides every error's HTTP status.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from project.config import Settings


def create_app(settings: "Settings | None" = None, **_: Any) -> "Flask":
    """The application. Opens no connection; those follow with the first request."""
    # Workers import this package on their way to `tasks`, and need nothing of the application.
    from project.server.app import build_app  # noqa: PLC0415

    return build_app(settings)
