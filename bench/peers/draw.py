"""Draws bar charts with matplotlib from JSON on standard input."""

import json
import sys
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.fonttype"] = "none"  # text stays text
mpl.rcParams["svg.hashsalt"] = "jobs"  # the same figures make the same file

import matplotlib.pyplot as plt  # noqa: E402 - the backend must have been chosen

OURS, OTHERS = "#2563eb", "#94a3b8"


def main() -> None:
    """Draw panels side by side: a bar for each system, a line from its lowest to highest round."""
    wanted = json.load(sys.stdin)
    panels = wanted["panels"]
    height = 0.36 * max(len(panel["bars"]) for panel in panels) + 1
    figure, axes = plt.subplots(
        1, len(panels), figsize=(6 * len(panels), height), squeeze=False, layout="constrained"
    )
    for axis, panel in zip(axes[0], panels, strict=True):
        _draw_panel(axis, panel)
    figure.savefig(wanted["output"], metadata={"Date": None})


def _draw_panel(axis: Any, panel: dict[str, Any]) -> None:
    titles, medians, least, most, is_ours = zip(*panel["bars"], strict=True)
    below = [value - low for value, low in zip(medians, least, strict=True)]
    above = [high - value for value, high in zip(medians, most, strict=True)]
    colours = [OURS if ours else OTHERS for ours in is_ours]
    bars = axis.barh(titles, medians, xerr=[below, above], color=colours, ecolor="#475569")
    axis.bar_label(bars, fmt="{:,.0f}", padding=4, fontsize=8)
    axis.margins(x=0.12)
    axis.invert_yaxis()
    axis.set_title(panel["title"], loc="left")
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
