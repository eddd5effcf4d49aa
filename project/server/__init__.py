"""The web application: parses requests, hands work to `submission`, shows what the ledger says.

`application` puts it together. `pages` and `main` serve the page and the tutorial's routes, `api`
the product's, `signups` the sign-up, `health` answers probes. `live` and `sockets` push the changes
that `news` collects. `job_log` shows what a job's code has logged, `log_news` follows it,
`log_text` writes it as text. `parsing` and `presenting` turn requests into values and values into
JSON, as `documents` says they look; `openapi` describes all of it, for `reference` to show.
`problems` decides every error's HTTP status.
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
