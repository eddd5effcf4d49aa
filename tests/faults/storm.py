"""A storm: jobs are submitted all the time while one trouble after the other hits the stack."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults.journal import Journal
from tests.faults.load import Load
from tests.faults.log_verdict import Lines
from tests.faults.log_verdict import judge as judge_lines
from tests.faults.verdict import CALM, Evidence, Verdict, judge

PROGRESS_SECONDS = 20

Trouble = Callable[[], AbstractContextManager[None]]


@dataclass
class Storm:
    """One storm over a running stack."""

    troubles: Mapping[str, Trouble]
    journal: Journal
    make_load: Callable[[Callable[[], str]], Load]
    await_whole: Callable[[], None]
    read_log: Callable[[], Lines]
    web_troubles: frozenset[str]
    say: Callable[[str], None]
    trouble: str = CALM
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.load = self.make_load(lambda: self.trouble)

    def run(
        self,
        order: Iterable[tuple[str, float]],
        *,
        calm_seconds: float,
        end_seconds: float,
        wanted_jobs: int = 0,
    ) -> Verdict:
        """Each trouble for so many seconds, then calm; at last every accepted job is to end."""
        broken = []
        self.load.start()
        try:
            self._pause(calm_seconds)
            for name, seconds in order:
                self._suffer(name, seconds)
                self._pause(calm_seconds)
            self._await_jobs(wanted_jobs)
        except AssertionError as error:
            broken.append(f"not whole again after {self.trouble}: {error}")
        finally:
            self.load.stop()
        self.say(f"Waiting for {len(self.load.unfinished)} jobs to end ...")
        self.load.await_ends(end_seconds)
        lines = self.read_log()
        of_jobs, of_lines = judge(self._evidence(lines)), judge_lines(lines)
        return replace(
            of_jobs,
            violations=broken + of_jobs.violations + of_lines.violations,
            figures=of_jobs.figures | of_lines.figures,
        )

    def _await_jobs(self, wanted: int) -> None:
        """Go on until so many jobs are accepted; where none is any more, that is a failure."""
        while self.load.accepted < wanted:
            before = self.load.accepted
            self._pause(PROGRESS_SECONDS)
            self._report("calm, for more jobs")
            assert self.load.accepted > before, "no job is accepted any more"

    def _suffer(self, name: str, seconds: float) -> None:
        began_at = time.monotonic()
        self.trouble = name
        with self.troubles[name]():
            self._pause(seconds)
        self.await_whole()
        self.trouble = CALM
        self.done.append(name)
        self._report(f"{name}, {time.monotonic() - began_at:.1f} s")

    def _report(self, what: str) -> None:
        load = self.load
        self.say(
            f"{len(self.done):3}  {what:40}  {load.accepted} accepted, "
            f"{len(load.unfinished)} under way"
        )

    def _pause(self, seconds: float) -> None:
        """Let the load go on for a while."""
        threading.Event().wait(seconds)

    def _evidence(self, lines: Lines) -> Evidence:
        return Evidence(
            submissions=self.load.submissions,
            runs=self.journal.read(),
            statuses=self.load.statuses,
            outcomes=lines.count_outcomes(),
            web_troubles=self.web_troubles,
        )


def read_lines(folder: Path, pattern: str) -> Iterator[str]:
    """All lines of the files in the folder that match the pattern."""
    for path in sorted(folder.glob(pattern)):
        with path.open(errors="replace") as file:
            yield from file


def render(verdict: Verdict) -> str:
    """The verdict as Markdown."""
    figures = [f"| {name} | {number} |" for name, number in verdict.figures.items()]
    rows = [
        f"| {row.trouble} | {row.submits} | {row.accepted} | {row.too_many} | {row.unavailable} "
        f"| {row.no_answer} | {row.slowest_seconds:.2f} |"
        for row in verdict.rows
    ]
    violations = [f"- {violation}" for violation in verdict.violations]
    return "\n".join(
        [
            "Every promise was kept." if verdict.is_kept else "**Promises were broken:**",
            "",
            *violations,
            *([""] if violations else []),
            "| what | number |",
            "|---|---|",
            *figures,
            "",
            "| trouble | submits | 202 | 429 | 503 | no answer | slowest, s |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )
