"""A worker's new processes: whatever hits them first, they never act in the name of the worker."""

import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from project.ledger import Status
from tests.integration.client import Client
from tests.integration.isolated.system import ROOT, IsolatedSystem
from tests.integration.logbook import action_of
from tests.process_tree import descendants
from tests.waiting import wait_until

HITS = 200
AT_A_TIME = 6
END_SECONDS = 60
SHORT = f"short@{socket.gethostname()}"
STOPPING = [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT]
USUAL = {*STOPPING, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
QUIET = {"debug", "info"}


@pytest.fixture
def celery(system: IsolatedSystem) -> Iterator[Celery]:
    """Celery as somebody else uses it, to ask the worker."""
    app = Celery(broker=system.direct.broker_url, set_as_current=False)
    yield app
    app.close()


@pytest.fixture
def worker(system: IsolatedSystem) -> int:
    """The process id of the worker, all of whose processes are there."""
    pid = system.main_pid("worker-short")
    await_processes(system, pid)
    return pid


def test_processes_share_no_connection(worker: int) -> None:
    """What is open twice does not end when its owner does, and two who use it spoil it."""
    opened = [open_in(pid) for pid in descendants(worker)]

    for first, second in combinations(opened, 2):
        assert not first & second
    assert not set.union(*opened) & connections_of(worker)


@pytest.mark.timeout(300)
def test_process_that_is_told_to_end_before_it_is_itself_does_nothing_in_the_workers_name(
    system: IsolatedSystem, browser: Client, celery: Celery, worker: int, tmp_path: Path
) -> None:
    """Until it has its own, it has the worker's handlers, connections and ids of log lines."""
    # While it runs there is a job that a process which believes to be the worker would put back.
    with held(browser, tmp_path / "hold") as job_id:
        jobs = [job_id]
        before, connected = ids_of_lines(system), connections_of(worker, system.broker.port)

        with hunted(worker) as hunter:
            while hunter.poll() is None:
                celery.control.pool_grow(AT_A_TIME, [SHORT], reply=True, timeout=END_SECONDS)
                jobs += [browser.submit("isolated.step", {})["id"] for _ in range(AT_A_TIME)]
                await_success(system, jobs[1:], before)
                celery.control.pool_shrink(AT_A_TIME, [SHORT], reply=True, timeout=END_SECONDS)
            hits, _ = hunter.communicate()

    await_success(system, jobs, before)
    await_processes(system, worker)
    assert len(hits.splitlines()) > HITS / 2, hits
    assert {(job.attempt, job.losses) for job in map(system.ledger.get, jobs)} == {(1, 0)}
    assert max(Counter(line["event"]["id"] for line in system.log.lines()).values()) == 1
    assert connected
    assert connected <= connections_of(worker, system.broker.port)
    assert system.main_pid("worker-short") == worker


@contextmanager
def held(browser: Client, hold: Path) -> Iterator[str]:
    """While this lasts the job runs."""
    hold.touch()
    job_id = browser.submit("isolated.part", {"number": 1, "wait_while": str(hold)})["id"]
    try:
        browser.await_status(job_id, "running")
        yield job_id
    finally:
        hold.unlink()


def ids_of_lines(system: IsolatedSystem) -> set[str]:
    """Of all lines that there are."""
    return {line["event"]["id"] for line in system.log.lines()}


def await_success(system: IsolatedSystem, jobs: list[str], before: set[str]) -> None:
    """Wait until the jobs have succeeded; fail at once where the log tells of anything amiss."""

    def look() -> bool:
        new = (line for line in system.log.lines() if line["event"]["id"] not in before)
        amiss = [line for line in new if is_amiss(line)]
        assert not amiss, f"{len(amiss)} lines: {amiss[:3]}"
        return all(system.ledger.get(job_id).status is Status.SUCCEEDED for job_id in jobs)

    wait_until(look, END_SECONDS, "the jobs to succeed")


def is_amiss(line: dict[str, Any]) -> bool:
    """Whether a worker that nobody stops, whose servers are there, would not write the line."""
    is_ours = line["event"]["dataset"] == "jobs.worker-short"
    is_loaded = action_of(line) == "lease_not_renewed"  # Redis was slow: it is tried again
    return (
        is_ours
        and not is_loaded
        and (line["log.level"] not in QUIET or action_of(line) == "worker_stopping")
    )


def await_processes(system: IsolatedSystem, worker: int) -> None:
    """Wait until there are as many as the settings say."""
    wait_until(
        lambda: len(descendants(worker)) == system.settings.job_queues["short"].concurrency,
        END_SECONDS,
        "the worker to have its number of processes",
    )


@contextmanager
def hunted(worker: int) -> Iterator[subprocess.Popen[str]]:
    """While this lasts each new process of the worker is sent a signal, until enough were."""
    numbers = [*sorted(USUAL | caught_by(worker)), *STOPPING]
    signals = ",".join(str(int(number)) for number in numbers)
    hunter = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.integration.isolated.hunter",
            str(worker),
            str(HITS),
            signals,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert hunter.stdout is not None
        assert hunter.stdout.readline() == "ready\n"
        yield hunter
    finally:
        hunter.kill()
        hunter.wait()


def caught_by(pid: int) -> set[signal.Signals]:
    """The signals that the process has handlers for (proc(5)); not those of the C library's own."""
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = (int(line.split()[1], 16) for line in status.splitlines() if "SigCgt" in line)
    return {number for number in signal.Signals if mask >> (number - 1) & 1}


def open_in(pid: int) -> set[str]:
    """The sockets and pipes of a process, beside the standard ones: `socket:[1234]`, say."""
    links = {
        str(descriptor.readlink())
        for descriptor in Path(f"/proc/{pid}/fd").iterdir()
        if int(descriptor.name) > 2
    }
    return {link for link in links if link.startswith(("socket:", "pipe:"))}


def connections_of(pid: int, port: int | None = None) -> set[str]:
    """Those of them that lead to servers; to the one at that port, where one is given (proc(5))."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return open_in(pid) & {
        f"socket:[{row[9]}]"
        for row in rows
        if port is None or int(row[2].rpartition(":")[2], 16) == port
    }
