"""`make soak`: a long storm over a stack of its own, and a report in data/soak/.

    python -m tests.faults.soak [--jobs 20000] [--faults 60] [--seed 1] [--only NAME,NAME]

Exits 1 where a promise was broken. The seed, which is printed, repeats the order of the troubles.
"""

import argparse
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random, SystemRandom

from deploy.native.console import Console
from tests.faults.clock import Clock
from tests.faults.load import Mix
from tests.faults.native import make_storm
from tests.faults.stack import ROOT, running
from tests.faults.storm import render
from tests.faults.troubles import CLOCK_TROUBLES, SECONDS, TROUBLES

REPORT = ROOT / "data" / "soak" / "report.md"
TROUBLE_SECONDS = (1.0, 8.0)
CALM_SECONDS = 3
END_SECONDS = 240


def main() -> int:
    """Run the storm, write and print what was found."""
    arguments = _parser().parse_args()
    console = Console(sys.stdout)
    seed = arguments.seed or SystemRandom().randrange(1, 10**6)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    names, environment = list(TROUBLES), dict(ENVIRONMENT)
    if Clock.is_possible():
        names += CLOCK_TROUBLES
        environment |= Clock(folder).make()
    else:
        console.say("The clock is not moved: there is no C compiler (cc).")
    names = arguments.only.split(",") if arguments.only else names
    console.say(f"Seed {seed}; {arguments.faults} of {len(names)} kinds of troubles.")
    began_at = time.monotonic()
    with running(folder, **environment) as stack:
        console.say(f"The stack is at {stack.settings.public_url}, its data in {folder}.")
        random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        order = list(itertools.islice(_shuffled(names, random), arguments.faults))
        storm = make_storm(
            stack, folder, random, console.say, mix=Mix(poison=1), rate=arguments.rate
        )
        verdict = storm.run(
            order,
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
    "JOBS_SHORT_CONCURRENCY": "3",
    "JOBS_LONG_CONCURRENCY": "4",
}


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
    parser.add_argument("--rate", type=float, default=25, help="submits a second")
    parser.add_argument("--calm", type=float, default=CALM_SECONDS, help="seconds between troubles")
    parser.add_argument("--only", default="", help="these troubles, comma-separated")
    parser.add_argument("--keep", action="store_true", help="keep the stack's folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
