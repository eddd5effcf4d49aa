"""Measures the cost of the most hostile mail templates: `python -m bench.mail_templates`.

The web server's code parses each case of `tests/hostile_templates.py`, and a worker's code renders
it. Prints the slowest of each, and the most memory.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from project.errors import InvalidInputError, PermanentError
from project.jobs import get_kind
from project.jobs.email_send.rendering import render
from project.jobs.email_send.templates import parse
from tests.hostile_templates import Case, cases

SHOWN = 12


def main() -> None:
    """Print the table."""
    everything = list(cases())
    submits = sorted(((*_measure(_submit, case), case.name) for case in everything), reverse=True)
    renders = sorted(((*_measure(_render, case), case.name) for case in everything), reverse=True)
    print(f"{len(everything)} cases\n")
    for title, rows in (("Submit (web)", submits), ("Render (worker)", renders)):
        print(f"| {title} | ms | ends with |\n|---|---|---|")
        for seconds, outcome, name in rows[:SHOWN]:
            print(f"| {name} | {seconds * 1000:.0f} | {outcome} |")
        print()
    peaks = sorted(((_weigh(_render, case), case.name) for case in everything), reverse=True)
    print("| Render: memory at its peak | MB |\n|---|---|")
    for peak, name in peaks[:5]:
        print(f"| {name} | {peak / 1e6:.1f} |")


def _submit(case: Case) -> Any:
    mail = {"recipient": "ada@example.org", "subject": "s", "text": "t", "html": case.source}
    return get_kind("email.send").parse(mail | {"values": case.values})


def _render(case: Case) -> Any:
    return render(parse("text", case.source), case.values, is_html=True)


def _measure(act: Callable[[Case], Any], case: Case) -> tuple[float, str]:
    gc.collect()
    begun = time.perf_counter()
    try:
        made = act(case)
        outcome = f"{len(made):,} characters" if isinstance(made, str) else "taken"
    except (InvalidInputError, PermanentError) as error:
        outcome = str(error)[:90]
    return time.perf_counter() - begun, outcome


def _weigh(act: Callable[[Case], Any], case: Case) -> int:
    tracemalloc.start()
    _measure(act, case)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    main()
