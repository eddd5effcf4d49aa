"""Draws the report's chart with matplotlib, which has a separate environment."""

import json
import subprocess
from pathlib import Path
from typing import Any

from bench.environments import ROOT, find_program
from bench.report.figures import Figures

PANELS = (
    ("Drain, jobs/s", "drain", ("jobs_a_second",)),
    ("POST, requests/s", "http", ("post", "a_second")),
)


def draw(figures: Figures, output: Path) -> bool:
    """Draw the available figures; return False if there are none."""
    panels = [panel for panel in (_panel(figures, *wanted) for wanted in PANELS) if panel["bars"]]
    if not panels:
        return False
    wanted = {"output": str(output.resolve()), "panels": panels}
    command = [find_program("tools", "python"), "-m", "bench.peers.draw"]
    subprocess.run(command, input=json.dumps(wanted), text=True, check=True, cwd=ROOT)
    return True


def _panel(figures: Figures, title: str, measure: str, path: tuple[str, ...]) -> dict[str, Any]:
    bars = []
    for name in figures.systems(measure):
        value = figures.value(measure, name, *path)
        if value:
            shown = [
                figures.title(name).replace("`", ""),
                value.median,
                min(value.rounds),
                max(value.rounds),
            ]
            bars.append([*shown, name.startswith("jobs")])
    return {"title": title, "bars": bars}
