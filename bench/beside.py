"""Runs a benchmark's command again, inside a throwaway stack."""

import os
import subprocess
import sys
from collections.abc import Mapping

from bench.environments import ROOT

FLAG = "--beside-stack"
SETTINGS = {
    "JOBS_EXTRA_KINDS": "bench.kinds,bench.naps",
    # Measures fill queues further than the limit for normal clients.
    "JOBS_QUEUE_LIMIT": "2000000",
}


def start_again_beside_stack(module: str, settings: Mapping[str, str] | None = None) -> int:
    """Run the same command with `--beside-stack` in a stack's environment; return its status."""
    command = [sys.executable, "-m", module, *sys.argv[1:], FLAG]
    launcher = [sys.executable, "-m", "deploy.native", "exec", "--", *command]
    environment = {**os.environ, **SETTINGS, **(settings or {})}
    return subprocess.call(launcher, cwd=ROOT, env=environment)
