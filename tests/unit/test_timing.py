"""The times of schedules, through every change of the clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from project.errors import InvalidInputError
from project.scheduler.schedules.timing import (
    Cron,
    Interval,
    Timing,
    find_change,
    occurrences,
    read_cron,
    read_zone,
)

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"
"""Its clock is moved by half an hour."""
HAVANA = "America/Havana"
"""Its clock is moved at midnight."""
ZONES = (BERLIN, NEW_YORK, LORD_HOWE, HAVANA, "Asia/Kolkata", "UTC", "Africa/Casablanca")

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def shown(expression: str, zone: str, start: str, end: str) -> list[str]:
    """The times in between (both of them too), as a clock there shows them with its offset."""
    there = ZoneInfo(zone)
    first, last = (datetime.fromisoformat(text).astimezone(UTC) for text in (start, end))
    times = occurrences(Cron(expression, there), first - timedelta(seconds=1))
    return [
        moment.astimezone(there).strftime("%d %H:%M %z")
        for moment in takewhile(lambda moment: moment <= last, times)
    ]


def test_time_that_the_clock_skips_runs_right_after_the_gap() -> None:
    times = shown("30 2 * * *", BERLIN, "2026-03-28T00:00Z", "2026-03-31T00:00Z")

    assert times == ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]


def test_several_times_in_one_gap_run_once() -> None:
    times = shown("0,30 2,3 * * *", BERLIN, "2026-03-29T00:00Z", "2026-03-29T12:00Z")

    assert times == ["29 03:00 +0200", "29 03:30 +0200"]


def test_time_that_comes_twice_runs_once_at_first() -> None:
    times = shown("30 2 * * *", BERLIN, "2026-10-24T00:00Z", "2026-10-27T00:00Z")

    assert times == ["24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100"]


def test_time_that_comes_twice_does_not_come_back_in_its_second_hour() -> None:
    second_hour = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)

    following = Cron("30 2 * * *", ZoneInfo(BERLIN)).next_after(second_hour)

    assert following == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_wild_minutes_run_whenever_the_clock_shows_them() -> None:
    spring = shown("*/30 1-3 * * *", BERLIN, "2026-03-29T00:00Z", "2026-03-29T12:00Z")
    autumn = shown("*/30 1-3 * * *", BERLIN, "2026-10-24T22:00Z", "2026-10-25T12:00Z")

    assert spring == ["29 01:00 +0100", "29 01:30 +0100", "29 03:00 +0200", "29 03:30 +0200"]
    assert autumn == [
        *("25 01:00 +0200", "25 01:30 +0200", "25 02:00 +0200", "25 02:30 +0200"),
        *("25 02:00 +0100", "25 02:30 +0100", "25 03:00 +0100", "25 03:30 +0100"),
    ]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_wild_hours_run_each_real_hour(day: str, hours: int) -> None:
    there = ZoneInfo(BERLIN)
    midnight = datetime.fromisoformat(day).replace(tzinfo=there)
    next_midnight = (midnight + timedelta(days=1)).astimezone(UTC)
    times = occurrences(Cron("15 * * * *", there), midnight.astimezone(UTC))

    found = list(takewhile(lambda moment: moment < next_midnight, times))

    assert len(found) == hours
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=1)}


def test_change_of_the_clock_in_new_york() -> None:
    spring = shown("30 2 * * *", NEW_YORK, "2026-03-07T12:00Z", "2026-03-09T12:00Z")
    autumn = shown("30 1 * * *", NEW_YORK, "2026-10-31T12:00Z", "2026-11-02T12:00Z")

    assert spring == ["08 03:00 -0400", "09 02:30 -0400"]
    assert autumn == ["01 01:30 -0400", "02 01:30 -0500"]


def test_change_by_half_an_hour() -> None:
    """On Lord Howe 01:30 to 02:00 come twice in April, and are skipped from 02:00 in October."""
    twice = shown("45 1 * * *", LORD_HOWE, "2026-04-04T00:00Z", "2026-04-05T12:00Z")
    wild = shown("*/10 2 * * *", LORD_HOWE, "2026-04-04T12:00Z", "2026-04-05T12:00Z")
    skipped = shown("15 2 * * *", LORD_HOWE, "2026-10-03T12:00Z", "2026-10-04T12:00Z")

    assert twice == ["05 01:45 +1100"]
    assert wild == [f"05 02:{minute:02} +1030" for minute in range(0, 60, 10)]
    assert skipped == ["04 02:30 +1100"]


def test_midnight_that_is_skipped_runs_at_one() -> None:
    times = shown("0 0 * * *", HAVANA, "2026-03-07T12:00Z", "2026-03-09T12:00Z")

    assert times == ["08 01:00 -0400", "09 00:00 -0400"]


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29"]),
        ("0 0 L * *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("0 0 31 * *", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("0 0 LW * *", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("0 0 * * MON#1", ["2026-01-05", "2026-02-02", "2026-03-02"]),
        ("0 0 13 * FRI", ["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16"]),
    ],
)
def test_days_of_an_expression(expression: str, days: list[str]) -> None:
    start = datetime(2025, 12, 31, 12, tzinfo=UTC)

    times = islice(occurrences(Cron(expression, ZoneInfo("UTC")), start), len(days))

    assert [moment.date().isoformat() for moment in times] == days


def test_interval_is_elapsed_time_and_keeps_its_beat() -> None:
    start = datetime(2026, 3, 29, tzinfo=UTC)
    timing = Interval(start, 90 * 60)

    assert timing.next_after(start - timedelta(days=1)) == start
    assert timing.next_after(start) == start + timedelta(minutes=90)
    late = timing.next_after(start + timedelta(hours=100, microseconds=1))
    assert (late - start) % timedelta(minutes=90) == timedelta()
    assert timedelta() < late - (start + timedelta(hours=100)) <= timedelta(minutes=90)


@pytest.mark.parametrize(
    "expression",
    [
        *("", "* * * *", "* * * * * *", "@daily", "a * * * *", "61 * * * *", "* 24 * * *"),
        *("* * 0 * *", "*/0 * * * *", "5-1 * * * *", "* * * * MON#6", "0 0 30 2 *"),
        *("* * * * ²L", "* * L-3 * *"),
    ],
)
def test_expression_that_means_nothing_is_refused_with_what_to_write(expression: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^cron: .+\.$") as refused:
        read_cron(expression, ZoneInfo("UTC"))

    assert refused.value.field == "cron"


@pytest.mark.parametrize("name", ["", "Berlin", "Europe", "../etc/passwd", "/etc/passwd", "U\0TC"])
def test_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^time_zone: ") as refused:
        read_zone(name)

    assert refused.value.field == "time_zone"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789*/,-#LWSUNMO ", max_size=20))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        cron = read_cron(text, ZoneInfo(BERLIN))
    except InvalidInputError:
        return
    moment = datetime(2026, 3, 28, 12, 0, 0, 5, tzinfo=UTC)
    assert cron.next_after(moment) > moment


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    """A field of an expression."""
    number = st.integers(low, high)
    steps = st.sampled_from(["*", "*/7", "*/20", "*/2"])
    ranges = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    lists = st.lists(number, min_size=1, max_size=3).map(lambda some: ",".join(map(str, some)))
    return st.one_of(steps, ranges, lists, number.map(str))


EXPRESSIONS = st.tuples(fields(0, 59), fields(0, 4), st.just("* * *")).map(" ".join)
"""At night, when clocks are moved."""


def changes(zone: str) -> list[datetime]:
    """When the zone's clock is moved in 2026, and one day more."""
    there = ZoneInfo(zone)
    moment, found = datetime(2026, 1, 1, tzinfo=UTC), [datetime(2026, 6, 1, tzinfo=UTC)]
    while changed := find_change(there, moment, datetime(2027, 1, 1, tzinfo=UTC)):
        found.append(changed)
        moment = changed
    return found


CHANGES = st.sampled_from([(zone, moment) for zone in ZONES for moment in changes(zone)])


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS, CHANGES, st.integers(0, 6 * 60))
def test_stepping_loses_nothing_and_doubles_nothing(
    expression: str, change: tuple[str, datetime], minutes: int
) -> None:
    """From whatever moment: all of the night's times are those that each of its minutes gives."""
    zone, changed_at = change
    start = changed_at - timedelta(minutes=minutes, microseconds=1)
    end = changed_at + timedelta(hours=6)

    stepped = takewhile(
        lambda moment: moment <= end, occurrences(Cron(expression, ZoneInfo(zone)), start)
    )

    assert list(stepped) == list(minute_by_minute(expression, zone, start, end))


def minute_by_minute(
    expression: str, zone: str, start: datetime, end: datetime
) -> Iterator[datetime]:
    """The same by looking at every minute; a time that is skipped by looking at the gap's own."""
    there, seen = ZoneInfo(zone), set[datetime]()
    is_wild = any(field.startswith("*") for field in expression.split()[:2])
    earlier = (start - timedelta(hours=3)).replace(second=0, microsecond=0)  # what came first
    while earlier <= end:
        wall = earlier.astimezone(there).replace(tzinfo=None)
        skipped = (wall - MINUTE) - (earlier - MINUTE).astimezone(there).replace(tzinfo=None)
        lost = [wall - n * MINUTE for n in range(1, int(skipped / MINUTE) + 1)]
        due = matches(expression, wall) and (is_wild or wall not in seen)
        due = due or (not is_wild and any(matches(expression, one) for one in lost))
        seen.add(wall)
        if due and start < earlier:
            yield earlier
        earlier += MINUTE


def matches(expression: str, wall: datetime) -> bool:
    return next(CronSim(expression, wall - MINUTE)) == wall


@pytest.mark.parametrize("timing", [read_cron("*/5 * * * *", ZoneInfo(BERLIN)), Interval(NOON, 7)])
def test_times_are_whole_seconds_of_utc(timing: Timing) -> None:
    following = timing.next_after(NOON + timedelta(microseconds=1))

    assert following.tzinfo is UTC
    assert following.microsecond == 0
