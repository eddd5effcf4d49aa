"""Compares Jobs with other job systems, and with what the servers below them can do.

    python -m bench.systems [--quick] [--rounds N] [--only drain,http] [--systems jobs,rq]
    python -m bench.systems --report     # write the report again from the figures that are there

Makes the environments that are missing, starts a stack of its own, and measures all systems in
turns, several times. `make bench` installs what that needs and calls this.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.environments import ROOT, make_environment
from bench.plan import MEASURES, Plan
from bench.report import write_report
from bench.rounds import run_rounds
from bench.stack import Stack
from bench.systems.catalog import SYSTEMS
from project.config import Settings

STACK_SETTINGS = {
    "JOBS_EXTRA_KINDS": "bench.kinds",
    # Measures fill lanes further than a normal client may.
    "JOBS_LANE_LIMIT": "2000000",
}


def main() -> int:
    """Read the command line and do what it says."""
    options = _parser().parse_args()
    if options.report:
        write_report(options.output)
        return 0
    plan = Plan.choose(options.quick, options.rounds, options.only, options.systems)
    if not options.beside_stack:
        for environment in sorted({"tools", *(SYSTEMS[name].environment for name in plan.systems)}):
            make_environment(environment)
        return _start_again_beside_stack()
    run_rounds(plan, Stack(Settings()), options.output.with_suffix(".json"), options.lock)
    write_report(options.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.systems", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer jobs and one round: minutes")
    parser.add_argument("--rounds", type=int, help="how often each measure is taken")
    parser.add_argument("--only", type=_names(MEASURES), help="measures, comma-separated")
    parser.add_argument("--systems", type=_names(SYSTEMS), help="systems, comma-separated")
    parser.add_argument("--report", action="store_true", help="only write the report again")
    parser.add_argument("--lock", type=Path, help="file to lock for each measurement: take turns")
    parser.add_argument("--output", type=Path, default=ROOT / "bench/results/systems.md")
    parser.add_argument("--beside-stack", action="store_true", help=argparse.SUPPRESS)
    return parser


def _names(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(unknown)}; there are {', '.join(known)}"
            )
        return names

    return read


def _start_again_beside_stack() -> int:
    """The same command once more, as the command that a throwaway stack runs for."""
    command = [sys.executable, "-m", "bench.systems", *sys.argv[1:], "--beside-stack"]
    launcher = [sys.executable, "-m", "deploy.native", "exec", "--", *command]
    return subprocess.call(launcher, cwd=ROOT, env={**os.environ, **STACK_SETTINGS})


if __name__ == "__main__":
    sys.exit(main())
