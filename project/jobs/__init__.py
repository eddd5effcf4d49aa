"""The kinds of jobs, listed explicitly. A new kind is one file here and one line below.

A team that does not want to change this package keeps its kinds in its own modules, each with a
list `KINDS`, and names the modules in the setting `extra_kinds`. The setting `kinds` chooses among
the kinds listed here. A kind whose extra (`@job(..., extra="tables")`) is not installed is not
offered.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from project.errors import DefinitionError
from project.jobs.create_task import create_task
from project.jobs.data_analyze.kind import analyze
from project.jobs.email_send.kind import send_email
from project.jobs.files_sweep import sweep_files
from project.jobs.image_thumbnail.kind import make_thumbnails
from project.jobs.jobs_history import list_history
from project.jobs.ml.predict import predict_rows
from project.jobs.ml.train import train_model
from project.jobs.report_build.kind import build_report, read_source, sum_rows
from project.jobs.sign_up import sign_up
from project.jobs.web_crawl.kind import crawl_site
from project.jobs.workflow.kind import run_workflow
from project.kinds.definition import Context, Kind
from project.kinds.registry import (
    KINDS,
    NOT_OFFERED,
    choose_kinds,
    find_missing_extra,
    get_kind,
    get_offered,
    log_not_offered,
)
from project.queues import QueueSettings

__all__ = [
    "BUILT_IN",
    "KINDS",
    "NOT_OFFERED",
    "Context",
    "Kind",
    "get_kind",
    "get_offered",
    "load_kinds",
    "log_not_offered",
    "offer_kinds",
]

BUILT_IN: dict[str, Kind] = {}
BUILT_IN.update(
    {
        kind.name: kind
        for kind in (
            # The page lists them in this order, the most wanted first.
            analyze,
            build_report,
            make_thumbnails,
            send_email,
            crawl_site,
            train_model,
            predict_rows,
            run_workflow,
            list_history,
            create_task,
            # Internal kinds, submitted by other kinds, the form or a schedule.
            read_source,
            sum_rows,
            sign_up,
            sweep_files,
        )
    }
)
choose_kinds(BUILT_IN)


def offer_kinds(chosen: str, modules: str, queues: Mapping[str, QueueSettings]) -> None:
    """Offer the kinds that the settings `kinds` and `extra_kinds` name, at a process's start.

    Raises DefinitionError if one of the settings is wrong, or a kind's queue is not configured.
    """
    choose_kinds(BUILT_IN, chosen)
    load_kinds(modules, queues)


def load_kinds(
    modules: str, queues: Mapping[str, QueueSettings], kinds: dict[str, Kind] = KINDS
) -> None:
    """Add the kinds of these modules (comma-separated names) to the offered kinds.

    Loading a module again changes nothing. Raises DefinitionError if a module cannot be used, or if
    the queues do not suit a kind.
    """
    for name in filter(None, map(str.strip, modules.split(","))):
        for kind in _kinds_of(name):
            if missing := find_missing_extra(kind):
                NOT_OFFERED[kind.name] = missing
            elif kinds.setdefault(kind.name, kind) is not kind:
                raise DefinitionError(f"{name} defines {kind.name}, which exists already.")
    for kind in kinds.values():
        for queue in kind.queues:
            _check_queue(kind, queue, queues)


def _check_queue(kind: Kind, queue: str, queues: Mapping[str, QueueSettings]) -> None:
    if queue not in queues:
        raise DefinitionError(
            f"Kind {kind.name} needs the queue {queue!r}, but JOBS_QUEUES has only "
            f"{', '.join(queues)}: add {queue} to JOBS_QUEUES, or give the kind another queue."
        )
    limit = queues[queue].time_limit_seconds
    if limit is not None and kind.time_limit_seconds > limit:
        raise DefinitionError(
            f"Kind {kind.name} may take {kind.time_limit_seconds:g} seconds, but JOBS_QUEUES "
            f"allows {limit:g} in the queue {queue}: lower the kind's limit, or raise the queue's."
        )


def _kinds_of(name: str) -> list[Kind]:
    """The kinds that a module lists; DefinitionError says what is wrong with the module."""
    try:
        module = import_module(name)
    except ImportError as error:
        raise DefinitionError(f"JOBS_EXTRA_KINDS names {name}: {error}.") from error
    listed: Any = getattr(module, "KINDS", None)
    if not isinstance(listed, list) or not all(isinstance(kind, Kind) for kind in listed):
        raise DefinitionError(f"JOBS_EXTRA_KINDS names {name}, which has no list KINDS of kinds.")
    return listed
