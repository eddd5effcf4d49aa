"""`make soak`: a long storm over a stack of its own, and a report in data/soak/.

    python -m tests.faults.soak [--jobs 20000] [--faults 60] [--seed 1] [--compose] …

Exits 1 where a promise was broken. The seed, which is printed, repeats the order of the troubles.
"""

import argparse
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random, SystemRandom

from deploy.native.console import Console
from tests.faults import containers, native
from tests.faults.clock import Clock
from tests.faults.load import Mix, Traffic
from tests.faults.stack import ROOT, running
from tests.faults.storm import Storm, render
from tests.faults.troubles import CLOCK_TROUBLES, SECONDS, TROUBLES

REPORT = ROOT / "data" / "soak" / "report.md"
TROUBLE_SECONDS = (1.0, 8.0)
CALM_SECONDS = 3
END_SECONDS = 480


def main() -> int:
    """Run the storm, write and print what was found."""
    arguments = _parser().parse_args()
    console = Console(sys.stdout)
    seed = arguments.seed or SystemRandom().randrange(1, 10**6)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    begin = _composed if arguments.compose else _native
    began_at = time.monotonic()
    traffic = Traffic(Random(seed), MIX, arguments.rate)  # noqa: S311 - no secret
    with begin(folder, traffic, console) as storm:
        names = arguments.only.split(",") if arguments.only else list(storm.troubles)
        console.say(f"Seed {seed}; {arguments.faults} troubles of {len(names)} kinds.")
        # A generator of its own: what the load draws meanwhile does not change the order.
        order = _shuffled(names, Random(seed))  # noqa: S311
        verdict = storm.run(
            itertools.islice(order, arguments.faults),
            calm_seconds=arguments.calm,
            end_seconds=END_SECONDS,
            wanted_jobs=arguments.jobs,
        )
    head = f"# Soak\n\nSeed {seed}, {len(storm.done)} troubles of {len(set(storm.done))} kinds, "
    report = f"{head}{time.monotonic() - began_at:.0f} s.\n\n{render(verdict)}\n"
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(report)
    console.say(f"\n{report}\nThis is in {REPORT}.")
    if verdict.is_kept and not arguments.keep:
        shutil.rmtree(folder)
    else:
        console.say(f"Logs, data and journal of this run are in {folder}.")
    return 0 if verdict.is_kept else 1


ENVIRONMENT = {
    "JOBS_EXTRA_KINDS": "tests.faults.kinds",
    "JOBS_QUEUES": "short: concurrency=3; long: concurrency=4",
}
MIX = Mix(poison=1)


@contextmanager
def _native(folder: Path, traffic: Traffic, console: Console) -> Iterator[Storm]:
    troubles, environment = dict(TROUBLES), dict(ENVIRONMENT)
    if Clock.is_possible():
        troubles |= CLOCK_TROUBLES
        environment |= Clock(folder).make()
    else:
        console.say("The clock is not moved: there is no C compiler (cc).")
    with running(folder, **environment) as stack:
        console.say(f"The stack is at {stack.settings.public_url}, its data in {folder}.")
        yield native.make_storm(stack, folder, traffic, troubles, console.say)


@contextmanager
def _composed(folder: Path, traffic: Traffic, console: Console) -> Iterator[Storm]:
    console.say("Building and starting the containers ...")
    with containers.composed(folder) as stack:
        console.say(f"The stack is at {stack.url('/')}, its journal in {folder}.")
        yield containers.make_storm(stack, folder, traffic, console.say)


def _shuffled(names: list[str], random: Random) -> Iterator[tuple[str, float]]:
    """All troubles in random order, then all of them again in another one."""
    while True:
        for name in random.sample(names, len(names)):
            yield name, SECONDS.get(name) or random.uniform(*TROUBLE_SECONDS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--jobs", type=int, default=20_000, help="jobs that are to be accepted")
    parser.add_argument("--faults", type=int, default=60, help="troubles")
    parser.add_argument("--seed", type=int, default=0, help="repeats the order of the troubles")
    parser.add_argument("--rate", type=float, default=30, help="submits a second")
    parser.add_argument("--calm", type=float, default=CALM_SECONDS, help="seconds between troubles")
    parser.add_argument("--only", default="", help="these troubles, comma-separated")
    parser.add_argument("--compose", action="store_true", help="break the Docker Compose stack")
    parser.add_argument("--keep", action="store_true", help="keep the stack's folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
