"""Decides which runs of a schedule are due, and which of its times are skipped. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from project.scheduler.schedules.schedule import CatchUp, Schedule, Skip
from project.scheduler.schedules.timing import Timing, occurrences

GRACE = timedelta(minutes=1)
"""A time that is overdue by more than this was missed; a change of leaders takes less."""
OLDEST = timedelta(days=28)
"""A time that was missed longer ago never runs. The ledger remembers jobs for five weeks, so a run
that a killed scheduler has submitted is never submitted again."""
AT_ONCE = 100
"""How many runs of a schedule are submitted at once; the rest follow a second later."""
COUNTED = 1000

MISSED = "It was missed by more than a minute."

_MOMENT = timedelta(microseconds=1)
_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=28))


@dataclass(frozen=True, slots=True)
class DueRuns:
    """What to do about a schedule now."""

    skip: Skip | None
    """The skipped times, all before the runs."""
    runs: tuple[datetime, ...]
    """The times to run, oldest first."""


def find_due_runs(schedule: Schedule, now: datetime) -> DueRuns:
    """What is due now; nothing if the schedule is paused."""
    if schedule.is_paused or schedule.next_at > now:
        return DueRuns(None, ())
    timing, first = schedule.timing, schedule.next_at
    begin = first if first >= now - GRACE else _find_begin(schedule, timing, now)
    runs = takewhile(lambda moment: moment <= now, occurrences(timing, begin - _MOMENT))
    return DueRuns(_skip_until(timing, first, begin), tuple(islice(runs, AT_ONCE)))


def _find_begin(schedule: Schedule, timing: Timing, now: datetime) -> datetime:
    """The first time to run, from the schedule's next time on; it may lie in the future."""
    first, oldest = schedule.next_at, _first_since(timing, now - OLDEST)
    if schedule.plan.catch_up is CatchUp.ALL:
        return max(first, oldest)
    fresh = _first_since(timing, now - GRACE)
    if fresh > now and schedule.plan.catch_up is CatchUp.LATEST:
        return max(find_latest(timing, first, now), oldest)
    return fresh


def find_latest(timing: Timing, first: datetime, until: datetime) -> datetime:
    """The last of its times up to a moment; `first` is one of them.

    It searches from the end, in growing windows: a schedule of every minute has half a million
    times a year.
    """
    for window in _WINDOWS:
        if until - window <= first:
            break
        found = _list_between(timing, until - window, until)
        if found:
            return found[-1]
    return [first, *_list_between(timing, first, until)][-1]


def _list_between(timing: Timing, start: datetime, end: datetime) -> list[datetime]:
    return list(takewhile(lambda moment: moment <= end, occurrences(timing, start - _MOMENT)))


def _skip_until(timing: Timing, first: datetime, begin: datetime) -> Skip | None:
    if first >= begin:
        return None
    passed = takewhile(lambda moment: moment < begin, occurrences(timing, first - _MOMENT))
    count = sum(1 for _ in islice(passed, COUNTED))
    return Skip(find_latest(timing, first, begin - _MOMENT), count, MISSED)


def _first_since(timing: Timing, moment: datetime) -> datetime:
    return timing.next_after(moment - _MOMENT)
