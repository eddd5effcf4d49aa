"""Decides what to measure, how often, on which systems."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.environments import BEFORE
from bench.measures import (
    bulk,
    delay,
    depth,
    drain,
    http,
    live,
    memory,
    mixed,
    overhead,
    payload,
    processes,
    profile,
    queues,
    records,
    streams,
    submit,
    trips,
)
from bench.stack import Stack
from bench.systems.catalog import SYSTEMS
from bench.systems.system import System

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure, and its size in a full run and in a quick one."""

    take: Callable[[System, Stack, int], dict[str, Any]]
    size: int
    quick_size: int
    deep_size: int = 0
    """Size with `--deep`; 0 means the size of a full run."""
    once: bool = False
    """Measure in the first round only, because it takes long or has many samples already."""
    rounds: int = ROUNDS
    """Rounds in a full run, unless the command line sets them."""


MEASURES: dict[str, Measure] = {
    "submit": Measure(submit.measure, 2000, 600),
    "drain": Measure(drain.measure, 8000, 2000),
    "trips": Measure(trips.measure, 500, 100),
    "http": Measure(http.measure, 8, 3),
    "http-busy": Measure(http.measure_busy, 8, 3),
    "overhead": Measure(overhead.measure, 6, 3, rounds=2),
    "payload": Measure(payload.measure, 1500, 400, rounds=2),
    "processes": Measure(processes.measure, 3000, 2000, rounds=2),
    "delay": Measure(delay.measure, 3000, 1000, rounds=2),
    "bulk": Measure(bulk.measure, 10_000, 2_000),
    "live": Measure(live.measure, 300, 50),
    "queues": Measure(queues.measure, 500, 100, once=True),
    "mixed": Measure(mixed.measure, 60, 10),
    "streams": Measure(streams.measure, 100, 20),
    "memory": Measure(memory.measure, 200, 50),
    "depth": Measure(depth.measure, 100_000, 1_000, 1_000_000, once=True),
    "ledger": Measure(records.measure, 100_000, 1_000, 1_000_000, once=True),
    "profile": Measure(profile.measure, 8000, 2000, once=True),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One system's turn in one round."""

    round: int
    measure: str
    system: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does."""

    rounds: int | None
    """Rounds from the command line; None means each measure's own."""
    measures: list[str]
    systems: list[str]
    is_quick: bool
    is_deep: bool
    before: str
    """The earlier commit to measure; empty for none."""

    @classmethod
    def choose(
        cls,
        *,
        is_quick: bool = False,
        is_deep: bool = False,
        rounds: int | None = None,
        measures: list[str] | None = None,
        systems: list[str] | None = None,
        before: str = "",
    ) -> "Plan":
        """Choose all systems by default; an earlier commit only if one is given."""
        wanted = {*(systems or SYSTEMS), BEFORE} if before else {*(systems or SYSTEMS)} - {BEFORE}
        return cls(
            rounds=rounds or (1 if is_quick else None),
            measures=measures or list(MEASURES),
            systems=[name for name in SYSTEMS if name in wanted],
            is_quick=is_quick,
            is_deep=is_deep,
            before=before,
        )

    def steps(self) -> list[Step]:
        """Yield the steps in order: systems take turns, so that a noisy minute affects several."""
        return [
            Step(number, measure, system)
            for number in range(self.most_rounds)
            for measure in self.measures
            for system in self.systems
            if measure in SYSTEMS[system].measures and number < self.rounds_of(measure)
        ]

    @property
    def most_rounds(self) -> int:
        """Return the most rounds of any measure."""
        return max(map(self.rounds_of, self.measures))

    def rounds_of(self, measure: str) -> int:
        """Return the number of rounds of a measure."""
        found = MEASURES[measure]
        return 1 if found.once else self.rounds or found.rounds

    def size_of(self, measure: str) -> int:
        """Return the measure's size: jobs or seconds."""
        found = MEASURES[measure]
        if self.is_deep and found.deep_size:
            return found.deep_size
        return found.quick_size if self.is_quick else found.size
