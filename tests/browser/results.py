"""A result with everything that a page can show."""

from typing import Any

from project.kinds.result_view import show
from tests.browser.home import PHOTOGRAPHS
from tests.browser.worker import Worker

REPORT = b"""<!doctype html><html lang="en"><title>Sales</title>
<style>body{font:16px/1.5 Georgia,serif;margin:2rem;color:#222} h1{font-weight:400}
td,th{padding:.25rem 1.5rem .25rem 0;text-align:left}</style>
<h1>Sales in spring</h1><p>North sold most, and most of it in May.</p>
<table><tr><th>Region<th>Amount<tr><td>North<td>1,204<tr><td>South<td>987</table></html>"""

PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj
trailer<</Root 1 0 R>>
%%EOF"""


def a_rich_result(worker: Worker, report: str = ".html") -> dict[str, Any]:
    """Pictures, facts, a report, tables and files."""
    portraits = [
        {"title": name, "width": 512, "height": 600, "file": worker.keep(path, ".jpg")["file"]}
        for name, path in (
            ("Grace Hopper", PHOTOGRAPHS / "grace_hopper.jpg"),
            ("Eileen Collins", PHOTOGRAPHS / "eileen_collins.jpg"),
        )
    ]
    content = REPORT if report == ".html" else PDF
    return show(
        "1,204 rows in two regions; North sold most.",
        facts={"Rows": 1204, "Share of gaps": 0.0125, "Sorted": True, "Encoding": "UTF-8"},
        pictures=portraits,  # type: ignore[arg-type]
        report={**worker.keep(content, report), "name": f"Sales{report}"},  # type: ignore[typeddict-item]
        tables=[
            {
                "title": "Regions",
                "columns": ["Region", "Amount", "First day", "Last day", "Largest order", "Note"],
                "rows": [
                    ["North", 1204.5, "2026-03-01", "2026-05-31", 93, None],
                    ["South", 987, "2026-03-02", "2026-05-30", 41, "Two days are missing"],
                ],
            }
        ],
        files=[
            {**worker.keep(b"region,amount\nNorth,1204\n", ".csv"), "name": "regions.csv"},  # type: ignore[typeddict-item]
        ],
    )
