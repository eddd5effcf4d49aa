"""When a schedule runs: the times of a cron expression in a time zone, or of an interval. Pure.

`cronsim` finds an expression's wall-clock times; this module decides what happens to them when the
clock changes. (cronsim's own handling goes backwards in an hour that occurs twice, and loses times
when the clock moves by half an hour.) As in Debian's cron, there are two sorts of expression:

- Minute or hour begins with `*`: it runs whenever the clock shows such a time. A time that the
  clock skips does not run that day; a time that occurs twice runs twice.
- Otherwise each time runs once: a skipped time right after the gap, a time that occurs twice at its
  first occurrence.

An interval is elapsed time, which no clock change affects.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from project.errors import InvalidInputError

FIELDS_TOLD = "minute, hour, day of month, month and day of week, as in 30 2 * * MON-FRI"
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Timing(Protocol):
    """An endless set of moments, each a whole second of UTC."""

    def next_after(self, moment: datetime) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Interval:
    """A fixed number of seconds apart, counted from a start, which is the first moment."""

    starts_at: datetime
    seconds: int

    def next_after(self, moment: datetime) -> datetime:
        """The first of its moments after this one."""
        step = timedelta(seconds=self.seconds)
        passed = (moment - self.starts_at) // step + 1
        return self.starts_at + max(0, passed) * step


@dataclass(frozen=True, slots=True)
class Cron:
    """The times of a cron expression on the wall clock of a time zone."""

    expression: str
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime:
        """The first of its moments after this one."""
        minute, hour, *_ = self.expression.split()
        if minute.startswith("*") or hour.startswith("*"):
            return self._next_shown(moment.replace(microsecond=0))
        return next(
            planned
            for wall in self._walls(_wall(moment, self.zone))
            if (planned := self._place(wall)) > moment
        )

    def _walls(self, after: datetime) -> Iterator[datetime]:
        """The expression's times on a clock that never changes."""
        return CronSim(self.expression, after)

    def _next_shown(self, moment: datetime) -> datetime:
        """The next moment at which the clock shows one of the times.

        The offset from UTC is constant until the next clock change; there the search starts anew.
        """
        start = moment + _SECOND
        while True:
            offset = _offset(start, self.zone)
            shown = next(self._walls((start - _SECOND + offset).replace(tzinfo=None)))
            found = shown.replace(tzinfo=UTC) - offset
            moved_at = find_change(self.zone, start, found)
            if moved_at is None:
                return found
            start = moved_at

    def _place(self, wall: datetime) -> datetime:
        """The moment at which that time runs: when it first occurs, or at the end of its gap."""
        by_old, by_new = (
            wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        if _wall(by_old, self.zone) == wall:
            return by_old
        # In a gap, the offset of each side leads to the other side.
        return find_change(self.zone, by_new, by_old) or by_old


def find_change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
    """The first clock change after `start`, up to `end`; None if there is none.

    `zoneinfo` has no such query, so this checks day by day; no zone is known to have two changes
    within one day.
    """
    offset, low = _offset(start, zone), start
    while low < end:
        high = min(low + _DAY, end)
        if _offset(high, zone) != offset:
            return _bisect(zone, low, high)
        low = high
    return None


def _bisect(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The moment between both at which the offset changes: once, at a whole second."""
    offset = _offset(low, zone)
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return high


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """What a clock in the zone shows."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def occurrences(timing: Timing, after: datetime) -> Iterator[datetime]:
    """All moments of the timing after that one."""
    while True:
        after = timing.next_after(after)
        yield after


def read_cron(expression: str, zone: ZoneInfo) -> Cron:
    """The timing; InvalidInputError says what is wrong with the expression."""
    if len(expression.split()) != 5:
        raise InvalidInputError(f"cron: write five fields, {FIELDS_TOLD}.", field="cron")
    cron = Cron(expression, zone)
    try:
        cron.next_after(_ANY_DAY)
    except (CronSimError, ValueError) as error:
        raise InvalidInputError(
            f"cron: {str(error).lower()}; write {FIELDS_TOLD}.", field="cron"
        ) from error
    except StopIteration:
        raise InvalidInputError("cron: no day within 50 years matches.", field="cron") from None
    return cron


def read_zone(name: str) -> ZoneInfo:
    """The time zone; InvalidInputError if there is none of that name."""
    try:
        return ZoneInfo(name)
    # The errors also cover a folder of the time zone files, or a path out of it.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError(
            "time_zone: use a name from the IANA database, such as Europe/Berlin or UTC.",
            field="time_zone",
        ) from None
