"""What our processes have loaded when they are forked: memory and time that each of them takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import an_unused_port

ROOT = Path(__file__).parents[2]

FOR_THE_WEB = {"flask", "werkzeug", "jinja2", "gunicorn", "gevent", "websockets", "project.server"}
FOR_WORKERS = {"celery", "project.worker", "project.scheduler.reconciler", "project.mail"}
# What the `celery` command loads with itself and its plugins.
FOR_THE_COMMAND_LINE = {"celery.bin.celery", "click_repl", "prompt_toolkit", "flower", "tornado"}
# Spans are a matter of a setting, a bucket too. The others come with the first job that needs them.
FOR_FEW = {
    *(
        "opentelemetry",
        "psutil",
        "botocore",
        "PIL",
        "polars",
        "numpy",
        "matplotlib",
        "sklearn",
        "scipy",
    ),
    *("skops", "reportlab", "httpx", "selectolax"),
}

# It is asked when it is about to make its pool.
WORKER = """
import atexit, runpy, sys
from celery import signals

atexit.register(lambda: print("loaded", *sys.modules))
signals.worker_before_create_process.connect(lambda **_: sys.exit(), weak=False)
sys.argv[1:] = ["{what}"]
runpy.run_module("project.worker", run_name="__main__")
"""
# It is told to stop when it has gone round, and found no Redis.
SCHEDULER = """
import os, runpy, signal, sys, threading
from pathlib import Path

def stop():
    while not any("scheduler_skipped" in file.read_text() for file in logs.glob("*.jsonl")):
        pause.wait(0.05)
    os.kill(os.getpid(), signal.SIGTERM)

logs, pause = Path(os.environ["JOBS_LOG_DIR"]), threading.Event()
threading.Thread(target=stop, daemon=True).start()
try:
    runpy.run_module("project.scheduler", run_name="__main__")
finally:
    print("loaded", *sys.modules)
"""
# gunicorn loads the application into its first process, as `preload_app` has it do.
WEB = """
import os, sys
from gunicorn.app.wsgiapp import WSGIApplication

arguments = ["--config", "deploy/gunicorn/gunicorn.conf.py", "project.server:create_app()"]
sys.argv[1:] = arguments
WSGIApplication(prog="gunicorn").wsgi()
print("loaded", *sys.modules)
print("threads", *os.listdir("/proc/self/task"))
print("files", *(os.readlink(entry.path) for entry in os.scandir("/proc/self/fd")
                 if os.path.islink(entry.path)))
"""


@pytest.mark.parametrize("what", ["short", "long"])
def test_worker_loads_nothing_of_the_web_or_the_command_line(what: str, tmp_path: Path) -> None:
    loaded = told_by(WORKER.format(what=what), "loaded", tmp_path)

    assert_none_of(FOR_THE_WEB | FOR_THE_COMMAND_LINE | FOR_FEW, loaded)


def test_scheduler_loads_no_celery_either(tmp_path: Path) -> None:
    loaded = told_by(SCHEDULER, "loaded", tmp_path)

    assert_none_of(FOR_THE_WEB | FOR_THE_COMMAND_LINE | FOR_FEW | {"celery"}, loaded)
    assert "project.scheduler.reconciler.rounds" in loaded


def test_command_line_loads_no_web_server(tmp_path: Path) -> None:
    code = """
import sys
from project.__main__ import main
main(["kinds"], standalone_mode=False)
print()
print("loaded", *sys.modules)
"""
    loaded = told_by(code, "loaded", tmp_path)

    assert_none_of(FOR_THE_WEB | FOR_WORKERS | FOR_FEW - {"opentelemetry"}, loaded)


def test_tutorials_door_to_celery_loads_no_web_application(tmp_path: Path) -> None:
    code = "import sys, project.server.tasks; print('loaded', *sys.modules)"

    assert_none_of(FOR_THE_WEB - {"project.server"} | {"PIL"}, told_by(code, "loaded", tmp_path))


def test_web_server_loads_nothing_of_the_workers(tmp_path: Path) -> None:
    loaded = told_by(WEB, "loaded", tmp_path)

    assert_none_of(FOR_WORKERS | FOR_THE_COMMAND_LINE | FOR_FEW, loaded)
    assert {"flask", "project.server.app"} <= loaded


def test_web_server_has_no_thread_and_no_connection_when_it_forks(tmp_path: Path) -> None:
    """Neither would be of use to its workers, which are forked from it."""
    assert len(told_by(WEB, "threads", tmp_path)) == 1
    assert not [name for name in told_by(WEB, "files", tmp_path) if name.startswith("socket:")]


def told_by(code: str, what: str, folder: Path) -> set[str]:
    """What a fresh process that runs the code prints behind that word."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("JOBS_")}
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=ours | {"JOBS_LOG_DIR": str(folder), "JOBS_REDIS_URL": nowhere()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = [line.split() for line in process.stdout.splitlines()]
    told = [set(words[1:]) for words in lines if words[:1] == [what]]
    assert told, process.stderr
    return told[0]


def nowhere() -> str:
    """Where no Redis is."""
    return f"redis://127.0.0.1:{an_unused_port()}/0"


def assert_none_of(packages: set[str], loaded: set[str]) -> None:
    """None of the packages is loaded, in whole or in part."""
    found = {
        package
        for package in packages
        if any(name == package or name.startswith(f"{package}.") for name in loaded)
    }
    assert not found, f"It loads {', '.join(sorted(found))}: import that where it is used."
