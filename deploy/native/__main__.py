"""The command line of the native stack.

python -m deploy.native run                                     what `make run` calls
python -m deploy.native stop                                    what `make stop` calls
python -m deploy.native exec [--data DIR] [--keep] -- COMMAND   a whole stack for one command
"""

import argparse
import os
import sys
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from deploy.native import launch
from deploy.native.console import Console
from deploy.native.places import ROOT, UnsafeFolderError
from project.config import Settings


def main() -> int:
    """Run the command line."""
    arguments = _parser().parse_args()
    console = Console(sys.stdout)
    try:
        settings = Settings()
        if arguments.verb == "exec":
            return _execute(settings, arguments)
        # Relative paths in the settings are relative to the repository's root.
        os.chdir(ROOT)
        return launch.stop(console) if arguments.verb == "stop" else launch.run(settings, console)
    except ValidationError as error:
        console.say("\n".join(_describe(problem) for problem in error.errors()))
    except (UnsafeFolderError, ValueError) as error:
        console.say(str(error))
    return launch.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.native", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run", help="start everything and keep it up")
    verbs.add_parser("stop", help="stop what `run` started, even if its terminal is gone")
    execute = verbs.add_parser("exec", help="run COMMAND with a whole stack on free ports")
    execute.add_argument("--data", type=Path, help="folder to use and keep; default: temporary")
    execute.add_argument("--keep", action="store_true", help="keep the temporary folder")
    execute.add_argument("command", nargs="+", metavar="COMMAND")
    return parser


def _describe(problem: ErrorDetails) -> str:
    """Return one sentence that names the setting and what is wrong with it."""
    if "error" in problem.get("ctx", {}):
        return str(problem["ctx"]["error"])  # our own validators' sentence
    names = ", ".join(f"JOBS_{name}".upper() for name in problem["loc"])
    return f"{names}: {problem['msg']}."


def _execute(settings: Settings, arguments: argparse.Namespace) -> int:
    return launch.execute(settings, arguments.command, arguments.data, arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
