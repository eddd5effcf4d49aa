"""Which of the built-in kinds a process offers: those whose extra is there, and that are chosen."""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from structlog.testing import capture_logs

from project.config import Settings
from project.errors import DefinitionError, UnknownKindError
from project.jobs import BUILT_IN, Kind, get_kind, log_not_offered, offer_kinds
from project.kinds.extras import LIBRARIES
from project.kinds.registry import NotOffered, choose_kinds
from project.server.app import build_app
from tests.builders import settings_in
from tests.installed import list_packages
from tests.test_architecture import modules

QUEUES = Settings().job_queues

STARTED = {"project.jobs.image_thumbnail.process": "project.pixels.__main__"}
"""A module that another one starts as a process."""
INSTALLED = packages_distributions()
"""The packages that a module comes with."""
STANDARD = {*sys.stdlib_module_names, "project"}


def offered(chosen: str = "", *extras: str) -> tuple[dict[str, Kind], dict[str, NotOffered]]:
    """The kinds with these extras, and the others."""
    kinds: dict[str, Kind] = {}
    others: dict[str, NotOffered] = {}
    choose_kinds(
        BUILT_IN, chosen, kinds=kinds, not_offered=others, has_extra=lambda extra: extra in extras
    )
    return kinds, others


@pytest.fixture
def chosen_few() -> Any:
    """This process offers two kinds, until the test is over."""
    offer_kinds("jobs.history, email.send", "", QUEUES)
    yield
    offer_kinds("", "", QUEUES)


def test_kind_without_its_extra_is_not_offered() -> None:
    kinds, others = offered("", "images")

    assert {"create_task", "image.thumbnail", "email.send", "workflow"} <= kinds.keys()
    assert {"data.analyze", "ml.train", "report.build", "web.crawl"} <= others.keys()
    assert kinds.keys() | others.keys() == BUILT_IN.keys()
    assert "extra tables is not installed" in others["data.analyze"].reason
    assert "deploy/requirements/tables.txt" in others["data.analyze"].remedy
    assert "JOBS_EXTRAS" in others["data.analyze"].remedy


def test_chosen_kinds_are_offered_and_the_tutorials_always_is() -> None:
    kinds, others = offered(" image.thumbnail , email.send,", *LIBRARIES)

    visible = {name for name, kind in kinds.items() if not kind.is_internal}
    assert visible == {"create_task", "image.thumbnail", "email.send"}
    assert others["web.crawl"].reason == "JOBS_KINDS does not name it"


def test_internal_kinds_are_not_chosen() -> None:
    """The clean-up of files runs whatever people are offered."""
    kinds, _ = offered("email.send", *LIBRARIES)

    assert {"files.sweep", "sign_up", "report.part"} <= kinds.keys()


def test_order_is_that_of_the_list() -> None:
    kinds, _ = offered("", *LIBRARIES)

    assert list(kinds) == list(BUILT_IN)


@pytest.mark.parametrize("name", ["image.thumbnial", "files.sweep"])
def test_chosen_name_that_is_no_kind_refuses_to_start(name: str) -> None:
    with pytest.raises(DefinitionError, match=rf"JOBS_KINDS names {name}, .* choose from data\.a"):
        offered(f"email.send,{name}")


def test_submit_says_why_a_kind_is_not_offered(chosen_few: None) -> None:
    with pytest.raises(UnknownKindError) as caught:
        get_kind("web.crawl")

    assert str(caught.value) == (
        "Kind web.crawl is not offered here: JOBS_KINDS does not name it. Add it there to offer it."
    )


def test_one_line_names_all_kinds_that_are_not_offered(chosen_few: None) -> None:
    with capture_logs() as lines:
        log_not_offered()

    (line,) = lines
    assert line["event"] == "kinds_not_offered"
    assert line["reason"] == (
        "data.analyze, report.build, image.thumbnail, web.crawl, ml.train, ml.predict, workflow: "
        "JOBS_KINDS does not name it"
    )


def test_process_with_all_kinds_logs_nothing() -> None:
    offer_kinds("", "", QUEUES)

    with capture_logs() as lines:
        log_not_offered()

    assert lines == []


@pytest.mark.parametrize("chosen", ["create_task", "image.thumbnail"])
def test_sign_up_is_offered_with_both_of_its_kinds_only(tmp_path: Path, chosen: str) -> None:
    try:
        app = build_app(settings_in(tmp_path, kinds=chosen))
        page = app.test_client().get("/").text
        answer = app.test_client().post("/api/v1/signups")
        description = app.test_client().get("/openapi.json")
    finally:
        offer_kinds("", "", QUEUES)

    assert 'id="signup"' not in page
    assert 'data-type="1"' in page
    assert answer.status_code == 404
    assert "is not offered here: JOBS_KINDS does not name it." in answer.json["detail"]
    assert description.status_code == 200


def test_page_with_all_kinds_has_the_sign_up(tmp_path: Path) -> None:
    page = build_app(settings_in(tmp_path)).test_client().get("/").text

    assert 'id="signup"' in page
    assert "hidden>\n      <h2" not in page


@pytest.mark.parametrize("extra", LIBRARIES)
def test_libraries_come_with_their_extra(extra: str) -> None:
    packages = set(list_packages(extra))

    for library in LIBRARIES[extra]:
        assert {canonicalize_name(one) for one in INSTALLED[library]} & packages, library


@pytest.mark.parametrize("name", BUILT_IN)
def test_engine_and_extra_are_all_that_a_kind_imports(name: str) -> None:
    """Whoever installs one extra can run its kinds."""
    kind = BUILT_IN[name]
    locks = {"engine", kind.extra} - {""}
    installed = {package for lock in locks for package in list_packages(lock)}

    for library in find_libraries(kind.function.__module__):
        assert {canonicalize_name(one) for one in INSTALLED[library]} & installed, library


def find_libraries(start: str) -> set[str]:
    """What is imported by a module of ours, and by those that it imports, wherever in them."""
    ours, libraries, waiting = set[str](), set[str](), [start]
    while waiting:
        name = waiting.pop()
        ours.add(name)
        imported = modules()[name].imports() | {STARTED.get(name, name)}
        # The list of all kinds is imported to find others, not to run them.
        waiting += (imported & modules().keys()) - ours - {"project.jobs"}
        libraries |= {module.partition(".")[0] for module in imported}
    return libraries - STANDARD


def test_every_extra_has_a_kind() -> None:
    assert {kind.extra for kind in BUILT_IN.values()} - {""} == LIBRARIES.keys()


def test_command_line_refuses_a_wrong_name_in_one_sentence(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "project", "kinds"],
        env={**os.environ, "JOBS_KINDS": "nope", "JOBS_LOG_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 1
    assert answer.stderr.startswith("Error: JOBS_KINDS names nope, which cannot be chosen;")
