"""Names of other packages that are not promised to us: all of them, and what we rely on.

Who raises a pinned version sees here what has changed, before a worker does.
"""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PRIVATE: dict[str, str] = {
    # Name: its parameters; "" where it is no function, or they do not matter.
    "celery._state:_task_stack": "",
    "celery.app.task:Context._get_custom_headers": "self, *args, **kwargs",
    "celery.backends.redis:RedisBackend._get_result_meta": (
        "self, result, state, traceback, request, format_date=True, encode=False"
    ),
    "celery.backends.redis:RedisBackend._store_result": (
        "self, task_id, result, state, traceback=None, request=None, **kwargs"
    ),
    "celery.concurrency.base:BasePool._get_info": "self",
    "celery.worker.request:Request._announce_revoked": "self, reason, terminated, signum, expired",
    "billiard.process:BaseProcess._bootstrap": "self",
    "billiard.popen_fork:Popen._launch": "self, process_obj",
    "structlog.contextvars:_CONTEXT_VARS": "",
}
"""Names that begin with an underscore."""

UNDOCUMENTED: dict[str, str] = {
    "amqp.connection:Connection.collect": "self",
    "amqp.connection:Connection.on_inbound_frame": "",
    "celery.app.trace:TraceInfo.handle_error_state": (
        "self, task, req, eager=False, call_errbacks=True"
    ),
    "celery.app.trace:fast_trace_task": (
        "task, uuid, request, body, content_type, content_encoding, loads, _loc, hostname, **_"
    ),
    "celery.concurrency.prefork:process_destructor": "pid, exitcode",
    "celery.concurrency.prefork:process_initializer": "app, hostname",
    "celery.apps.worker:Worker.wait_for_soft_shutdown": "self",
    "celery.worker.consumer.consumer:Consumer.create_task_handler": "self, promise",
    "celery.worker.consumer.consumer:Consumer.ensure_connected": "self, conn",
    "celery.worker.consumer.consumer:Consumer.on_connection_error_after_connected": "self, exc",
    "celery.worker.consumer.consumer:Consumer.on_ready": "self",
    "celery.worker.consumer.consumer:Consumer.reset_rate_limits": "self",
    "celery.worker.control:Panel.data": "",
    "celery.worker.request:Request.on_timeout": "self, soft, timeout",
    "celery.worker.state:active_requests": "",
    "celery.worker.state:requests": "",
    "celery.worker.state:revoked": "",
    "celery.worker.state:task_reserved": "",
    "celery.worker.state:total_count": "",
    "redis.connection:Connection.read_response": (
        "self, disable_decoding, timeout, disconnect_on_error, push_request"
    ),
    "redis.connection:Connection.send_packed_command": "self, command, check_health=True",
}
"""Names that are public, and told of nowhere."""

PACKAGES = {"amqp", "billiard", "celery", "gunicorn", "kombu", "redis", "structlog"}


def find(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", sorted(PRIVATE | UNDOCUMENTED))
def test_name_is_what_we_take_it_for(name: str) -> None:
    found, parameters = find(name), (PRIVATE | UNDOCUMENTED)[name]

    if parameters:
        ours = [each.strip().partition("=")[0] for each in parameters.split(",")]
        theirs = [
            str(each).partition("=")[0].partition(":")[0]
            for each in inspect.signature(found).parameters.values()
        ]
        assert theirs == ours


def test_no_other_private_name_is_imported(repository: Path) -> None:
    listed = {name.partition(":")[2].split(".")[-1] for name in PRIVATE}

    assert set(private_imports(repository / "project")) <= listed


def private_imports(folder: Path) -> Iterator[str]:
    """Names with an underscore that are imported from these packages, or from their own modules."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                package, *inner = node.module.split(".")
                if package in PACKAGES:
                    is_private = any(part.startswith("_") for part in inner)
                    for alias in node.names:
                        if is_private or alias.name.startswith("_"):
                            yield alias.name
