"""The raw figures, by measure and system: medians over the rounds, and their spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Value:
    """One figure of several rounds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """Largest distance from the median, as a share of it."""
        middle = self.median
        return max(abs(value - middle) for value in self.rounds) / middle if middle else 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run has measured."""

    raw: dict[str, Any]

    def systems(self, measure: str) -> list[str]:
        """Those that have figures of the measure, in the order of the run."""
        found = (entry["system"] for entry in self.raw["figures"] if entry["measure"] == measure)
        return list(dict.fromkeys(found))

    def value(self, measure: str, system: str, *path: str) -> Value | None:
        """One figure, by the names that lead to it; None where it was not measured."""
        entries = [
            entry
            for entry in self.raw["figures"]
            if (entry["measure"], entry["system"]) == (measure, system)
        ]
        found = [_follow(entry, path) for entry in entries]
        numbers = tuple(number for number in found if number is not None)
        return Value(numbers) if numbers else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


def _follow(entry: Any, path: Sequence[str]) -> float | None:
    for name in path:
        if not isinstance(entry, dict) or name not in entry:
            return None
        entry = entry[name]
    return float(entry)
