"""The report: made from the raw figures alone, so it can be made again without measuring."""

import json
from pathlib import Path

from bench.report.figures import Figures
from bench.report.tables import drain_table, http_table


def write_report(output: Path) -> None:
    """Write the Markdown beside the raw figures."""
    figures = Figures(json.loads(output.with_suffix(".json").read_text()))
    text = "\n".join(["# Systems", "", *drain_table(figures), "", *http_table(figures), ""])
    output.write_text(text)
    print(text)
