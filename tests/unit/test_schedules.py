"""A schedule's record, and what is due of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from project.errors import InvalidInputError
from project.scheduler.schedules.due_runs import AT_ONCE, MISSED, find_due_runs
from project.scheduler.schedules.schedule import (
    CatchUp,
    Overlap,
    Plan,
    Schedule,
    Skip,
    change_plan,
    decode_schedule,
    encode_schedule,
    make_schedule,
    note_run,
    note_skip,
    pause,
    resume,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
HOURLY = {"kind": "create_task", "cron": "0 * * * *"}


def a_schedule(**changes: Any) -> Schedule:
    """One that was made at noon, and runs every hour."""
    return make_schedule("hourly", Plan(**{**HOURLY, **changes}), NOON)


def hours(*numbers: float) -> tuple[datetime, ...]:
    return tuple(NOON + number * HOUR for number in numbers)


def test_new_schedule_runs_at_its_next_time_first() -> None:
    assert a_schedule().list_next(3) == list(hours(1, 2, 3))


def test_interval_is_counted_from_its_making_or_its_start() -> None:
    plan = Plan(kind="create_task", every_seconds=5400)

    assert make_schedule("x", plan, NOON).list_next(2) == list(hours(1.5, 3))
    later = make_schedule("x", replace(plan, starts_at=NOON + HOUR), NOON)
    assert later.list_next(2) == list(hours(1, 2.5))


@pytest.mark.parametrize(
    ("timing", "field"),
    [
        ({}, "cron"),
        ({"cron": "0 * * * *", "every_seconds": 5}, "cron"),
        ({"cron": "0 * * * *", "starts_at": NOON}, "starts_at"),
        ({"cron": "99 * * * *"}, "cron"),
        ({"cron": "0 * * * *", "time_zone": "Moon"}, "time_zone"),
        ({"every_seconds": -1}, "every_seconds"),
        ({"every_seconds": 400 * 24 * 3600}, "every_seconds"),
        ({"every_seconds": 5, "starts_at": NOON + 366 * 20 * 24 * HOUR}, "starts_at"),
    ],
)
def test_times_that_cannot_be_are_refused_by_the_fields_name(timing: Any, field: str) -> None:
    with pytest.raises(InvalidInputError, match=r"\.$") as refused:
        make_schedule("x", Plan(kind="create_task", **timing), NOON)

    assert refused.value.field == field


def test_redis_gives_back_what_it_was_given() -> None:
    plan = Plan(
        kind="create_task",
        parameters={"type": 1, "ß": ["x", None]},
        title="Two",
        every_seconds=7,
        starts_at=NOON,
        overlap=Overlap.ALLOW,
        catch_up=CatchUp.ALL,
    )
    schedule = note_skip(make_schedule("two", plan, NOON), Skip(NOON + HOUR, 3, "Why."))
    schedule = replace(note_run(schedule, NOON + 2 * HOUR, "j1"), version=5)

    assert decode_schedule("two", 5, encode_schedule(schedule)) == schedule


def test_record_of_a_later_version_can_be_read() -> None:
    text = encode_schedule(a_schedule()).replace('"is_paused"', '"colour":"red","is_paused"')

    assert decode_schedule("hourly", 0, text) == a_schedule()


def test_pause_and_resume_pass_over_the_times_between() -> None:
    paused = pause(a_schedule())
    assert paused.list_next(5) == []

    resumed = resume(paused, NOON + 3.5 * HOUR)

    assert resumed.list_next(1) == list(hours(4))


def test_resume_after_the_clock_was_put_back_repeats_nothing() -> None:
    done = note_run(a_schedule(), NOON + 5 * HOUR, "j1")

    assert resume(pause(done), NOON + 2.5 * HOUR).next_at == NOON + 6 * HOUR


def test_change_of_anything_but_the_times_leaves_what_is_due() -> None:
    overdue = NOON + 3 * HOUR
    schedule = a_schedule()

    assert (
        change_plan(schedule, replace(schedule.plan, title="New"), overdue).next_at == NOON + HOUR
    )
    moved = change_plan(schedule, replace(schedule.plan, cron="30 * * * *"), overdue)
    assert moved.next_at == NOON + 3.5 * HOUR


def test_time_of_a_run_is_never_due_again() -> None:
    schedule = note_run(a_schedule(), NOON + HOUR, "j1")

    assert schedule.next_at == NOON + 2 * HOUR
    assert note_run(schedule, NOON - HOUR, "j0").next_at == NOON + 2 * HOUR


def test_runs_have_names_of_their_own() -> None:
    one = a_schedule()
    anew = replace(one, created_at=NOON + MINUTE)

    names = {schedule.name_run(moment) for schedule in (one, anew) for moment in hours(1, 2)}

    assert len(names) == 4
    assert all(" " in name for name in names)  # which a client's own key has not


# ── What is due ───────────────────────────────────────────────────────────────────────────────


def runs_at(schedule: Schedule, now: datetime) -> tuple[tuple[datetime, ...], int]:
    """The runs, and how many times are passed over."""
    agenda = find_due_runs(schedule, now)
    if agenda.skip:
        assert agenda.skip.reason == MISSED
        assert schedule.next_at <= agenda.skip.until < min([*agenda.runs, now])
    return agenda.runs, agenda.skip.count if agenda.skip else 0


def test_nothing_is_due_before_its_time_nor_in_a_pause() -> None:
    assert runs_at(a_schedule(), NOON + HOUR - timedelta(microseconds=1)) == ((), 0)
    assert runs_at(pause(a_schedule()), NOON + 9 * HOUR) == ((), 0)


@pytest.mark.parametrize("catch_up", CatchUp)
def test_what_is_late_by_less_than_a_minute_runs_whatever_the_policy(catch_up: CatchUp) -> None:
    seconds = make_schedule(
        "x", Plan(kind="create_task", every_seconds=10, catch_up=catch_up), NOON
    )

    runs, skipped = runs_at(seconds, NOON + timedelta(seconds=60))

    assert [int((moment - NOON).total_seconds()) for moment in runs] == [10, 20, 30, 40, 50, 60]
    assert skipped == 0


@pytest.mark.parametrize(
    ("catch_up", "now", "runs", "skipped"),
    [
        # At half past: five times were missed.
        (CatchUp.NONE, 5.5, (), 5),
        (CatchUp.LATEST, 5.5, (5,), 4),
        (CatchUp.ALL, 5.5, (1, 2, 3, 4, 5), 0),
        # On the hour: a later one is due.
        (CatchUp.NONE, 5, (5,), 4),
        (CatchUp.LATEST, 5, (5,), 4),
        (CatchUp.ALL, 5, (1, 2, 3, 4, 5), 0),
        # After seven weeks nothing is caught up that is older than four.
        (CatchUp.NONE, 49 * 24 + 0.5, (), 1000),
        (CatchUp.LATEST, 49 * 24 + 0.5, (49 * 24,), 1000),
        (CatchUp.ALL, 49 * 24 + 0.5, tuple(range(21 * 24 + 1, 21 * 24 + 1 + AT_ONCE)), 504),
    ],
)
def test_what_was_missed_runs_by_the_policy(
    catch_up: CatchUp, now: float, runs: tuple[int, ...], skipped: int
) -> None:
    schedule = a_schedule(catch_up=catch_up)

    assert runs_at(schedule, NOON + now * HOUR) == (hours(*runs), skipped)


@pytest.mark.parametrize("catch_up", CatchUp)
def test_what_was_missed_months_ago_never_runs(catch_up: CatchUp) -> None:
    """Nobody knows any more whether it has."""
    yearly = a_schedule(catch_up=catch_up, cron="0 0 1 6 *")

    runs, skipped = runs_at(yearly, NOON + 90 * 24 * HOUR)

    assert (runs, skipped) == ((), 1)


def test_latest_is_found_however_rare_the_times_are() -> None:
    monthly = a_schedule(cron="0 0 1 * *")

    runs, skipped = runs_at(monthly, datetime(2026, 9, 20, tzinfo=UTC))

    assert runs == (datetime(2026, 9, 1, tzinfo=UTC),)
    assert skipped == 3


@pytest.mark.parametrize("catch_up", CatchUp)
@pytest.mark.parametrize("plan", [{"cron": "*/10 1-3 * * *"}, {"cron": "", "every_seconds": 17}])
def test_every_time_is_dealt_with_once_whatever_the_scheduler_does(
    catch_up: CatchUp, plan: dict[str, Any]
) -> None:
    """It looks now and then, and is away for long; what it runs and skips is all there is."""
    schedule = a_schedule(catch_up=catch_up, time_zone="Europe/Berlin", **plan)
    end = NOON + 6 * HOUR
    ran, skipped = list[datetime](), 0

    for now in moments(NOON, end):
        while True:
            agenda = find_due_runs(schedule, now)
            if agenda.skip:
                skipped += agenda.skip.count
                schedule = note_skip(schedule, agenda.skip)
            for moment in agenda.runs:
                assert moment == schedule.next_at
                ran.append(moment)
                schedule = note_run(schedule, moment, "j1")
            if not agenda.runs:
                break

    all_times = a_schedule(time_zone="Europe/Berlin", **plan).list_next(2000)
    expected = [moment for moment in all_times if moment < schedule.next_at]
    assert len(ran) + skipped == len(expected)
    assert ran == sorted(set(ran) & set(expected))
    assert catch_up is not CatchUp.ALL or skipped == 0


def moments(start: datetime, end: datetime) -> Iterator[datetime]:
    steps = (timedelta(seconds=7), timedelta(seconds=59), timedelta(minutes=14), timedelta(hours=2))
    moment, number = start, 0
    while moment <= end:
        yield moment
        moment += next(islice(steps, number % len(steps), None))
        number += 1
