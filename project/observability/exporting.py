"""Where this process's spans go: nowhere, or to a collector where JOBS_OTLP_ENDPOINT is set."""

from project.config import Settings
from project.observability.spans import NO_SPANS, Spans


def build_spans(settings: Settings) -> Spans:
    """Starts nothing yet: the thread that sends follows with the first span."""
    if not settings.otlp_endpoint:
        return NO_SPANS
    # Most do without OpenTelemetry: then it need not even be installed.
    from project.observability.otlp import Outbox, make_sender  # noqa: PLC0415

    return Outbox(lambda: make_sender(settings))
