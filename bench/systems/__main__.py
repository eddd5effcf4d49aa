"""Compares Jobs with other job systems, and with the limits of the servers below them.

    python -m bench.systems [--quick] [--rounds N] [--only drain,http] [--systems jobs,rq]
    python -m bench.systems --before d12a566 [...]   # also measures Jobs at that commit
    python -m bench.systems --add [...]  # adds rounds to the existing figures
    python -m bench.systems --report     # writes the report again from the existing figures

Makes the missing environments, starts its own stack, and measures all systems in turns, several
times. `make bench` installs what this needs, and calls it.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.beside import FLAG, start_again_beside_stack
from bench.environments import BEFORE, OURS, ROOT, make_environment
from bench.plan import MEASURES, Plan
from bench.report import write_report
from bench.rounds import read_earlier, run_rounds
from bench.stack import Stack
from bench.systems.catalog import SYSTEMS
from bench.systems.earlier import earlier_stack, find_commit
from project.config import Settings


def main() -> int:
    """Run the command line."""
    parser = _parser()
    options = parser.parse_args()
    if options.report:
        write_report(options.output)
        return 0
    plan = Plan.choose(
        is_quick=options.quick,
        is_deep=options.deep,
        rounds=options.rounds,
        measures=options.only,
        systems=options.systems,
        before=options.before or "",
    )
    output = options.output.with_suffix(".json")
    try:
        earlier = read_earlier(output, plan) if options.add else {}
    except ValueError as error:
        parser.error(str(error))
    if not options.beside_stack:
        for environment in sorted({"tools", *(SYSTEMS[name].environment for name in plan.systems)}):
            make_environment(environment)
        return start_again_beside_stack("bench.systems")
    with ExitStack() as block:
        stacks = {OURS: Stack(Settings())}
        if plan.before:
            stacks[BEFORE] = block.enter_context(earlier_stack(plan.before))
            stacks[BEFORE].rest()
        run_rounds(plan, stacks, output, options.lock, earlier)
    write_report(options.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.systems", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer jobs and one round: minutes")
    parser.add_argument("--deep", action="store_true", help="ledger and queue up to a million jobs")
    parser.add_argument("--rounds", type=int, help="number of rounds of each measure")
    parser.add_argument("--only", type=_names(MEASURES), help="measures, comma-separated")
    parser.add_argument("--systems", type=_names(SYSTEMS), help="systems, comma-separated")
    parser.add_argument("--before", type=_commit, help="also measure Jobs at this commit")
    parser.add_argument("--add", action="store_true", help="keep the existing figures")
    parser.add_argument("--report", action="store_true", help="only write the report again")
    parser.add_argument("--lock", type=Path, help="file to lock during each measurement")
    parser.add_argument("--output", type=Path, default=ROOT / "bench/results/systems.md")
    parser.add_argument(FLAG, action="store_true", help=argparse.SUPPRESS)
    return parser


def _commit(name: str) -> str:
    try:
        return find_commit(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _names(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(unknown)}; known are {', '.join(known)}"
            )
        return names

    return read


if __name__ == "__main__":
    sys.exit(main())
