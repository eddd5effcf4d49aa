"""The rules of design.md that an import, a call or a name can break, read from the source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from project.jobs import BUILT_IN

PROJECT = Path(__file__).parent.parent / "project"

# Each room, and the rooms it may know. Data goes one way, so there is no way back.
ROOMS: dict[str, set[str]] = {
    "__main__": {"cli", "import_blocking"},
    "server": {
        *("api", "live", "submission", "broker", "ledger", "kinds", "jobs", "signups", "files"),
        *("pictures", "scheduler", "observability", "redis_client", "json_values", "queues"),
        *("assembly", "config", "errors"),
    },
    # The command line: the same verbs as the server's, without it.
    "cli": {
        *("api", "live", "submission", "ledger", "kinds", "jobs", "scheduler", "observability"),
        *("assembly", "redis_client", "json_values", "queues", "config", "errors"),
    },
    # It makes the parts of every process, so it knows all who are made; they do not know it.
    "assembly": {
        *("worker", "scheduler", "live", "submission", "broker", "ledger", "jobs", "signups"),
        *("files", "mail", "leader_lock", "observability", "redis_client", "config"),
    },
    "live": {"api", "ledger", "signups", "errors"},
    "api": {"broker", "ledger", "jobs", "scheduler", "signups", "files", "queues"},
    # It submits jobs at set times, and repairs what an outage has left behind.
    "scheduler": {
        *("submission", "broker", "ledger", "kinds", "jobs", "leader_lock", "import_blocking"),
        *("assembly", "observability", "json_values", "queues", "config", "errors"),
    },
    "submission": {
        *("broker", "ledger", "kinds", "jobs", "observability", "redis_client", "json_values"),
        "errors",
    },
    # A job may submit others.
    "worker": {
        *("submission", "broker", "ledger", "kinds", "jobs", "files", "mail", "import_blocking"),
        *("assembly", "observability", "redis_client", "json_values", "queues", "config", "errors"),
        "scheduler",
    },
    "broker": {"ledger", "observability", "json_values", "queues", "errors"},
    "jobs": {"kinds", "file_types", "html_report", "tables", "mail_headers", "queues", "errors"},
    "tables": {"kinds", "errors"},
    "html_report": set(),
    "kinds": {"file_types", "json_values", "queues", "errors"},
    "json_values": {"errors"},
    "ledger": {"queues", "errors"},
    "signups": {"ledger", "errors"},
    "file_types": set(),
    "files": {"file_types", "errors"},
    "pictures": {"errors"},
    "mail": {"mail_headers", "errors"},
    "mail_headers": set(),
    "pixels": {"errors"},
    "observability": {"config"},
    "redis_client": set(),
    "leader_lock": set(),
    "import_blocking": set(),
    "queues": set(),
    "config": {"queues"},
    "errors": set(),
    "": set(),
}
# The tutorial's door to Celery is where its readers expect it, although it leads to the workers.
TUTORIAL_DOOR = ("project.server.tasks", "project.worker.app")

ASSEMBLY = "project.assembly"
STARTERS = {
    *("project.server.app", "project.server.services", "project.worker.app"),
    *("project.scheduler.__main__", "project.cli.main", "project.cli.schedules"),
}

FOR_KINDS = ("project.kinds", "project.jobs", "project.html_report", "project.tables")
WEB = {"flask", "werkzeug", "gunicorn"}
WITHOUT_WEB = ("project.api", "project.live", "project.cli", "project.submission")
API = "project.api"
NOT_FOR_JOBS = {"flask", "celery", "kombu", "redis", "werkzeug", "gunicorn"}
# The centre is pure: values in, values out.
PURE = {
    "project.ledger.job",
    "project.ledger.record",
    "project.ledger.log_line",
    "project.ledger.keys",
    "project.broker.message_reader",
    "project.scheduler.reconciler.dead_letter_policy",
    "project.scheduler.schedules.timing",
    "project.scheduler.schedules.schedule",
    "project.scheduler.schedules.due_runs",
    "project.observability.ecs",
    "project.observability.context",
    "project.observability.failures",
    "project.observability.redaction",
    "project.json_values",
    "project.queues",
    "project.errors",
    "project.mail_headers",
}
NOT_PURE = {"flask", "celery", "kombu", "redis", "socket", "os", "time", "pathlib", "structlog"}

# Keys of jobs in Redis: a record, the index, a log, a dead letter, and Celery's result of a job.
JOB_KEYS = ("job:", "jobs:", "log:", "dead:", "file:", "memory:", "celery-task-meta-")


@dataclass(frozen=True)
class Module:
    """A module of the project, parsed."""

    name: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The part of the name that says where it belongs."""
        return self.name.split(".")[1] if "." in self.name else ""

    def imports(self) -> set[str]:
        """Full names of the modules that it imports, wherever in the file."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name} imports relatively"
                found.add(str(node.module))
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
        return found

    def strings(self) -> Iterator[str]:
        """Its strings, but for the docstrings."""
        told = {
            id(node.value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(self.tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and id(node) not in told:
                yield node.value


@cache
def modules() -> dict[str, Module]:
    found = {}
    for path in sorted(PROJECT.rglob("*.py")):
        parts = path.relative_to(PROJECT.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, ast.parse(path.read_text()))
    return found


each_module = pytest.mark.parametrize("name", sorted(modules()))


@each_module
def test_module_imports_only_the_rooms_behind_its_own(name: str) -> None:
    module = modules()[name]
    known = {
        imported.split(".")[1]
        for imported in module.imports()
        if imported.startswith("project.")
        and not (name == TUTORIAL_DOOR[0] and imported.startswith(TUTORIAL_DOOR[1]))
    }

    assert known - {module.room} <= ROOMS[module.room]


def test_who_submits_does_not_know_who_works() -> None:
    """A worker submits jobs of its jobs; nothing leads back."""
    assert {room for room, known in ROOMS.items() if "worker" in known} == {"assembly"}


def test_only_who_starts_a_process_puts_it_together() -> None:
    """All others are given the parts that they work with."""
    importers = {name for name, module in modules().items() if ASSEMBLY in module.imports()}

    assert importers == STARTERS


@pytest.mark.parametrize("name", sorted(n for n in modules() if n.startswith(FOR_KINDS)))
def test_kind_imports_no_framework(name: str) -> None:
    imported = modules()[name].imports()

    assert not {module for module in imported if module.split(".")[0] in NOT_FOR_JOBS}


@pytest.mark.parametrize("name", sorted(n for n in modules() if n.startswith(WITHOUT_WEB)))
def test_only_the_server_is_a_web_application(name: str) -> None:
    """What an answer holds, and what a stream sends, is the same on the command line."""
    imported = {module.split(".")[0] for module in modules()[name].imports()}

    assert not imported & WEB


@pytest.mark.parametrize("name", sorted(PURE | {n for n in modules() if n.startswith(API)}))
def test_pure_module_reaches_for_nothing_outside(name: str) -> None:
    imported = {module.split(".")[0] for module in modules()[name].imports()}

    assert not imported & NOT_PURE


@each_module
def test_only_config_reads_the_environment(name: str) -> None:
    reads = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(modules()[name].tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    } & {"os.environ", "os.getenv", "os.environb"}
    imported = modules()[name].imports() & {"os.environ", "os.getenv"}

    assert name == "project.config" or not reads | imported


@each_module
def test_only_the_ledger_knows_the_keys_of_jobs(name: str) -> None:
    keys = {text for text in modules()[name].strings() if text.startswith(JOB_KEYS)}

    assert name == "project.ledger.keys" or not keys


@each_module
def test_only_entry_points_act_when_they_are_imported(name: str) -> None:
    """Settings are made and clients built by those who start a process, not by an import."""
    entry_points = {"project.server.tasks"}
    actions = {
        node.func.id
        for statement in modules()[name].tree.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.If)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    } & {"Settings", "Redis", "Connection", "create_app", "create_celery", "open", "Thread"}

    assert name in entry_points or not actions


def test_no_two_modules_import_each_other() -> None:
    """A cycle means that a boundary is wrong."""
    known = modules()
    edges = {
        name: {other for other in module.imports() if other in known and other != name}
        for name, module in known.items()
    }

    def reaches(start: str) -> Iterator[str]:
        seen, open_ends = set[str](), [start]
        while open_ends:
            for other in edges[open_ends.pop()] - seen:
                seen.add(other)
                open_ends.append(other)
        return iter(seen)

    # A package that names its modules' content for others is no cycle of theirs.
    circles = {name for name in known if name in set(reaches(name))}
    assert not {name for name in circles if not _is_package(name)}


def _is_package(name: str) -> bool:
    return (PROJECT.parent / Path(*name.split(".")) / "__init__.py").exists()


def test_every_file_of_a_kind_is_in_the_list() -> None:
    """A kind is one file that uses `@job`; a file that is forgotten would run nowhere."""
    files = {
        name
        for name, module in modules().items()
        if name.startswith("project.jobs.") and _defines_a_kind(module)
    }

    assert {kind.function.__module__ for kind in BUILT_IN.values()} == files


def _defines_a_kind(module: Module) -> bool:
    return any(
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Name)
        and decorator.func.id == "job"
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    )


@each_module
def test_module_says_what_it_is(name: str) -> None:
    assert ast.get_docstring(modules()[name].tree)


@each_module
def test_log_events_are_constant_names(name: str) -> None:
    """An event with a value in its name cannot be searched for."""
    for node in ast.walk(modules()[name].tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "_log"
        ):
            event = node.args[0]
            assert isinstance(event, ast.Constant), ast.unparse(node)
            assert str(event.value).replace("_", "").isalpha(), ast.unparse(node)


@each_module
def test_module_is_named_after_a_responsibility(name: str) -> None:
    assert name.rpartition(".")[2] not in {"utils", "common", "base", "manager", "helpers", "misc"}
