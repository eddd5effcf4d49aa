"""`jobs.history`, called as a plain function."""

import csv
from pathlib import Path
from typing import Any

from project.files import FileStore
from project.files.job_files import open_files
from project.jobs import get_kind
from project.jobs.jobs_history import COLUMNS
from project.kinds.context import Context

KIND = get_kind("jobs.history")


def test_kind_that_a_message_made_up_is_no_formula(tmp_path: Path) -> None:
    """A message of any program may name any kind; its job is dead, and in the list."""
    job: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"kind": "=1+1", "attempts": -1}
    store = FileStore(str(tmp_path))

    with open_files(store) as files:
        context = Context(files=files, list_jobs=lambda _since: iter([job]))
        result = KIND.run(KIND.parse({}), context)

    with store.path(result["files"][0]["file"]).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["kind"], row["attempts"]) == ("'=1+1", "-1")
