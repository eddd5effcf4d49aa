"""Lines on their way: writers, rotations, a shipper that is killed, a store that goes away.

`travel` is the whole story in rounds; its figures are what the tests judge.
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.elasticsearch.certificates import issue, make_authority
from tests.shipping.rsyslog import Rsyslog
from tests.shipping.store import Store
from tests.waiting import wait_until

WRITERS = 4
ROOT = Path(__file__).parents[2]
LOGIN = ("jobs_writer", "secret-of-the-test")
BROKEN = (
    "not JSON",
    '{"@timestamp":"2026-11-25T02:20:35.123456Z","message":"torn',
    '{"event":{"id":"glued-1","dataset":"jobs.web"}}{"event":{"id":"glued-2"}}',
    '{"message":"without an id","event":{"dataset":"jobs.web"}}',
    '{"message":"of no stream","event":{"id":"stray-1"}}',
    '["a list"]',
)


@dataclass
class Figures:
    """What came of a journey."""

    written: int = 0
    stored: int = 0
    unique: int = 0
    redelivered: int = 0
    rotations: int = 0
    kills: int = 0
    restarts_during_a_rotation: int = 0
    restarts_in_an_outage: int = 0
    outage_seconds: float = 0
    died: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        told = {**asdict(self), "buried": len(self.died)}
        return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in told.items())


@contextmanager
def shipper_and_store(folder: Path) -> Iterator[tuple[Rsyslog, Store]]:
    """A running shipper with an empty folder of logs, and the store that it ships to."""
    logs, state, tls = (folder / name for name in ("logs", "state", "tls"))
    for path in (logs, state, tls):
        path.mkdir()
    make_authority(tls)
    issue(tls, tls, "localhost")
    with ExitStack() as stack:
        pair = tls / "localhost.pem", tls / "localhost.key"
        store = stack.enter_context(Store(*pair, login=":".join(LOGIN)))
        shipper = Rsyslog(logs, state, f"https://localhost:{store.port}", tls / "ca.pem", LOGIN)
        stack.callback(shipper.stop)
        shipper.start()
        yield shipper, store


def travel(folder: Path, *, lines: int, rounds: int, troubles: Mapping[int, str]) -> Figures:
    """Write `lines` in rounds, each with a rotation and maybe a trouble; see what arrives."""
    figures = Figures()
    with shipper_and_store(folder) as (shipper, store), ExitStack() as stack:
        file = shipper.logs / "worker-short.host.jsonl"
        writers = [stack.enter_context(_writer(file, f"writer{n}")) for n in range(WRITERS)]
        for number in range(rounds):
            with _all_write(writers, lines // rounds // WRITERS):
                _suffer(troubles.get(number, ""), shipper, store, file, figures)
        broken = "".join(f"{line}\n" for line in BROKEN)
        (shipper.logs / "web.host.jsonl").write_text(broken)
        figures.written = sum(_count_lines(path) for path in shipper.logs.glob("worker-short.*"))
        wait_until(lambda: len(store.documents) >= figures.written, 300, "all lines")
        wait_until(lambda: len(_buried(shipper)) >= len(BROKEN), 60, "the broken lines")
        figures.stored = len(store.documents)
        figures.unique = len({id_ for _, id_ in store.documents})
        figures.redelivered = store.redelivered.total()
        figures.died = _buried(shipper)
    return figures


def _suffer(trouble: str, shipper: Rsyslog, store: Store, file: Path, figures: Figures) -> None:
    """Rotate the file under its writers, with the trouble before, during or after it."""
    match trouble:
        case "restart":
            shipper.stop()
            _rotate(file, figures)
            shipper.start()
            figures.restarts_during_a_rotation += 1
        case "restart in an outage":
            store.close()
            _rotate(file, figures)
            shipper.stop()
            shipper.start()
            store.open()
            figures.restarts_in_an_outage += 1
        case "kill":
            _rotate(file, figures)
            # After the store has taken a request, before rsyslog hears of it: it must ask again.
            with store.silence() as has_stored:
                wait_until(has_stored, 60, "a request of rsyslog's")
                shipper.kill()
            shipper.start()
            figures.kills += 1
        case "outage":
            store.close()
            since = time.monotonic()
            _rotate(file, figures)
            wait_until(lambda: time.monotonic() > since + 2, 10, "two seconds of outage")
            figures.outage_seconds += time.monotonic() - since
            store.open()
        case _:
            _rotate(file, figures)


def _rotate(file: Path, figures: Figures) -> None:
    """As the sink does, and logrotate: by a new name."""
    wait_until(file.exists, 30, "a line after the last rotation")
    file.rename(f"{file}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    figures.rotations += 1


@contextmanager
def _writer(file: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.shipping.writer", file, name],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process


@contextmanager
def _all_write(writers: list[subprocess.Popen[str]], amount: int) -> Iterator[None]:
    """Each writer writes so many lines meanwhile."""
    for writer in writers:
        assert writer.stdin
        writer.stdin.write(f"{amount}\n")
        writer.stdin.flush()
    yield
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "done\n"


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _buried(shipper: Rsyslog) -> Counter[str]:
    return Counter(letter["line"] for letter in shipper.dead_letters())
