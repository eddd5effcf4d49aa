"""The raw figures, by measure and system: medians over the rounds, and their spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.environments import BEFORE
from bench.systems.catalog import SYSTEMS


@dataclass(frozen=True, slots=True)
class Value:
    """A figure of one or several rounds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the rounds."""
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """Largest distance from the median, as a share of it."""
        middle = self.median
        return max(abs(value - middle) for value in self.rounds) / middle if middle else 0


@dataclass(frozen=True, slots=True)
class Figures:
    """The measured figures of a run."""

    raw: dict[str, Any]

    def entries(self, measure: str, system: str) -> list[dict[str, Any]]:
        """Return the entries of each round, without failed ones."""
        return [
            entry
            for entry in self.raw["figures"]
            if (entry["measure"], entry["system"]) == (measure, system) and "failed" not in entry
        ]

    def title(self, system: str) -> str:
        """Return a system's title in the report."""
        title = SYSTEMS[system].title
        return f"{title} ({self.raw['before']})" if system == BEFORE else title

    def failures(self) -> list[dict[str, Any]]:
        """Return the failed measurements."""
        return [entry for entry in self.raw["figures"] if "failed" in entry]

    def systems(self, measure: str) -> list[str]:
        """Return the systems that have figures of the measure, in the order of the run."""
        found = (entry["system"] for entry in self.raw["figures"] if entry["measure"] == measure)
        return [name for name in dict.fromkeys(found) if self.entries(measure, name)]

    def value(self, measure: str, system: str, *path: str) -> Value | None:
        """Return the figure at the path of names; None if it was not measured."""
        numbers = tuple(self._by_round(measure, system, path).values())
        return Value(numbers) if numbers else None

    def ratio(self, ours: Sequence[str], theirs: Sequence[str]) -> Value | None:
        """Return the ratio of two figures, each `(measure, system, *path)`, in the same rounds."""
        first = self._by_round(ours[0], ours[1], ours[2:])
        second = self._by_round(theirs[0], theirs[1], theirs[2:])
        ratios = tuple(first[n] / second[n] for n in first if second.get(n))
        return Value(ratios) if ratios else None

    def _by_round(self, measure: str, system: str, path: Sequence[str]) -> dict[int, float]:
        found = {entry["round"]: follow(entry, path) for entry in self.entries(measure, system)}
        return {number: value for number, value in found.items() if value is not None}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that is not below this share of the values."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


def follow(entry: Any, path: Sequence[str]) -> float | None:
    """Return the number at the end of these names; at a `+`, the sum of several."""
    for name in path:
        if name == "+":
            return float(sum(entry.values()))
        if not isinstance(entry, dict) or name not in entry:
            return None
        entry = entry[name]
    return float(entry)
