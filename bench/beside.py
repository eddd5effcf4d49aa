"""Runs a benchmark's own command again, as the command that a throwaway stack lives for."""

import os
import subprocess
import sys
from collections.abc import Mapping

from bench.environments import ROOT

FLAG = "--beside-stack"
SETTINGS = {
    "JOBS_EXTRA_KINDS": "bench.kinds,bench.naps",
    # Measures fill queues further than a normal client may.
    "JOBS_QUEUE_LIMIT": "2000000",
}


def start_again_beside_stack(module: str, settings: Mapping[str, str] | None = None) -> int:
    """The exit status of the same command with `--beside-stack`, in the stack's environment."""
    command = [sys.executable, "-m", module, *sys.argv[1:], FLAG]
    launcher = [sys.executable, "-m", "deploy.native", "exec", "--", *command]
    environment = {**os.environ, **SETTINGS, **(settings or {})}
    return subprocess.call(launcher, cwd=ROOT, env=environment)
