"""Unit tests need no service: they see the settings' defaults, and the web application alone."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from project.observability.binding import leave
from project.server import create_app
from tests.builders import settings_in

ClientMaker = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that the suite runs beside has settings of its own: they are not for unit tests."""
    for name in list(os.environ):
        if name.startswith("JOBS_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_log_context() -> Iterator[None]:
    """No ids are carried from test to test."""
    leave()
    yield
    leave()


@pytest.fixture
def make_client(tmp_path: Path) -> ClientMaker:
    """Makes a client of the web application, with stand-ins for the named services.

    Services that are not replaced are the real ones, which fail to connect when they are used.
    """

    def make(**stand_ins: Any) -> FlaskClient:
        nowhere = {
            "redis_url": "redis://:x@127.0.0.1:1/0",
            "broker_url": "amqp://x:x@127.0.0.1:1/jobs",
        }
        app = create_app(settings_in(tmp_path, **nowhere))
        app.extensions["services"] = replace(app.extensions["services"], **stand_ins)
        return app.test_client()

    return make
