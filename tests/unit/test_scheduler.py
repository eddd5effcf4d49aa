"""What is due is handed in once, whoever is killed and whatever is away meanwhile."""

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from redis import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from project.config import Settings
from project.errors import (
    InvalidInputError,
    KeyReusedError,
    QueueFullError,
    UnavailableError,
    UnknownKindError,
)
from project.jobs import offer_kinds
from project.ledger import Status
from project.ledger.job import WITHDRAWN
from project.observability.binding import read_bound
from project.observability.context import Trace
from project.scheduler.loop import Scheduler
from project.scheduler.schedules.due_runs import AT_ONCE, MISSED
from project.scheduler.schedules.examples import EXAMPLES, make_examples
from project.scheduler.schedules.runner import STILL_RUNS, Runner
from project.scheduler.schedules.schedule import (
    CatchUp,
    Overlap,
    Plan,
    Schedule,
    make_schedule,
    pause,
)
from project.scheduler.schedules.schedule_service import ScheduleService
from project.submission.preparation import Submission, list_ids
from tests.builders import a_job, a_trace
from tests.unit.backstage import Desk, Part, Shelf

QUEUES = Settings().job_queues

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Stage:
    """One Redis and one broker, on which schedulers come and go."""

    shelf: Shelf = field(default_factory=Shelf)
    desk: Desk = field(default_factory=Desk)
    leader_lock: Part = field(default_factory=Part)
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.runner = self.begin()

    def begin(self) -> Runner:
        """A scheduler that starts anew and knows nothing."""
        parts: Any = (self.shelf, self.desk, self.desk, self.leader_lock, ["short"])
        return Runner(*parts, clock=lambda: self.now)

    def schedule(self, **plan: Any) -> Schedule:
        """One that runs every hour; its job is done at once, unless the test says otherwise."""
        timing = {} if "every_seconds" in plan else {"cron": "0 * * * *"}
        values = {"kind": "create_task", "parameters": {"type": 0}, "overlap": Overlap.ALLOW}
        made = make_schedule("hourly", Plan(**{**timing, **values, **plan}), NOON)
        return self.shelf.add(made)

    def at(self, hours: float) -> bool:
        """Go round at so many hours after noon."""
        self.now = NOON + hours * HOUR
        return self.runner.run_due()

    @property
    def ran(self) -> list[float]:
        """Hours after noon of the times that have run."""
        times = [datetime.fromisoformat(key.split()[-1]) for key in self.desk.taken]
        return [(moment - NOON) / HOUR for moment in times]

    @property
    def kept(self) -> Schedule:
        return self.shelf.get("hourly")


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_due_time_runs_once_and_is_told(stage: Stage) -> None:
    stage.schedule()

    with capture_logs() as lines:
        assert [stage.at(0.99), stage.at(1), stage.at(1.01)] == [True] * 3

    assert stage.ran == [1]
    (job,) = stage.desk.jobs.values()
    assert (stage.kept.last_at, stage.kept.last_job_id) == (NOON + HOUR, job.id)
    assert stage.kept.next_at == NOON + 2 * HOUR
    (line,) = lines
    assert (line["event"], line["job_id"]) == ("schedule_due", job.id)
    assert line["due_at"] == "2026-05-04T13:00:00+00:00"
    assert read_bound() == {}


def test_scheduler_that_is_killed_after_the_submit_is_followed_by_the_same_job(
    stage: Stage,
) -> None:
    stage.schedule()
    stage.shelf.on_change = die
    with pytest.raises(Killed):
        stage.at(1)
    stage.shelf.on_change = lambda: None

    stage.runner = stage.begin()
    stage.at(1.01)

    assert stage.ran == [1]
    assert stage.kept.last_job_id in stage.desk.jobs


@pytest.mark.parametrize("catch_up", CatchUp)
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_run_of_a_killed_scheduler_is_known_long_after(
    stage: Stage, catch_up: CatchUp, is_forgotten: bool
) -> None:
    """Its job has ended, and maybe its record has expired."""
    stage.schedule(catch_up=catch_up, cron="0 13 * * *")
    stage.shelf.on_change = die
    with pytest.raises(Killed):
        stage.at(1)
    stage.shelf.on_change = lambda: None
    (job_id,) = stage.desk.jobs
    if is_forgotten:
        del stage.desk.jobs[job_id]
        stage.desk.gone.add(job_id)

    stage.runner = stage.begin()
    stage.at(20)

    assert stage.ran == [1]
    assert (stage.kept.last_job_id, stage.kept.skips) == (job_id, 0)


def test_run_whose_submit_was_not_completed_is_caught_up(stage: Stage) -> None:
    """A killed scheduler had recorded it, and nobody knows whether it was published."""
    schedule = stage.schedule()
    job_id = next(list_ids(submission_of(schedule, NOON + HOUR)))
    stage.desk.jobs[job_id] = a_job(id=job_id, status=Status.ACCEPTED)

    stage.at(1.5)

    assert stage.kept.last_job_id == job_id
    assert stage.kept.next_at == NOON + 2 * HOUR


def test_withdrawn_run_is_no_run(stage: Stage) -> None:
    schedule = stage.schedule()
    first, second = islice(list_ids(submission_of(schedule, NOON + HOUR)), 2)
    stage.desk.jobs[first] = a_job(id=first, status=Status.CANCELLED, error=WITHDRAWN)
    stage.desk.jobs[second] = a_job(id=second, status=Status.SUCCEEDED)

    stage.at(1.5)

    assert stage.kept.last_job_id == second
    assert stage.ran == []


def test_every_try_to_hand_a_run_in_is_part_of_one_trace(stage: Stage) -> None:
    """The ledger may have recorded the first one, whose trace the job keeps."""
    stage.schedule()
    traces = []
    submit = stage.desk.submit

    def fail_first(submission: Any, trace: Trace) -> Any:
        traces.append(trace.trace_id)
        if len(traces) == 1:
            raise UnavailableError("RabbitMQ")
        return submit(submission, trace)

    stage.desk.submit = fail_first  # type: ignore[method-assign]
    stage.at(1)
    stage.at(1.001)
    stage.at(2)

    first, again, next_run = traces
    assert first == again != next_run


def test_broker_that_is_away_leaves_the_run_due_and_is_asked_before_the_next_try(
    stage: Stage,
) -> None:
    stage.schedule()
    stage.desk.is_away = True

    with capture_logs() as lines:
        assert [stage.at(1), stage.at(1.001), stage.at(1.002)] == [False] * 3
        stage.desk.is_away = False
        assert stage.at(1.003)

    assert stage.ran == [1]
    assert stage.desk.probes == 3
    assert [line["event"] for line in lines] == ["schedule_delayed", "schedule_due"]


def test_long_outage_of_the_broker_costs_no_run_but_what_the_policy_says(stage: Stage) -> None:
    """Its try was withdrawn, and that record may have expired before the outage is over."""
    stage.schedule(catch_up=CatchUp.ALL)
    stage.desk.is_away = True
    stage.at(1)
    stage.desk.gone.add(next(list_ids(submission_of(stage.kept, NOON + HOUR))))

    stage.desk.is_away = False
    stage.at(3.5)

    assert stage.ran == [1, 2, 3]


def test_full_queue_holds_up_no_other_schedule(stage: Stage) -> None:
    stage.schedule()
    stage.shelf.add(replace(stage.kept, id="other"))
    stage.desk.failures = [QueueFullError("short", 9)]

    assert not stage.at(1)
    assert stage.ran == [1]
    assert stage.at(1.001)

    assert stage.ran == [1, 1]


def test_fault_in_one_schedule_holds_up_no_other_and_is_told_once(stage: Stage) -> None:
    broken = stage.schedule()
    plan = replace(broken.plan, time_zone="Atlantis/Capital")
    stage.shelf.kept = {"a": replace(broken, id="a", plan=plan), "hourly": broken}

    with capture_logs() as lines:
        stage.at(1)
        stage.at(1.001)

    assert stage.ran == [1]
    assert [line["event"] for line in lines] == ["schedule_delayed", "schedule_due"]


def test_redis_that_is_away_ends_the_round(stage: Stage) -> None:
    stage.schedule()
    stage.desk.failures = [RedisConnectionError("away")]

    with pytest.raises(RedisConnectionError):
        stage.at(1)


def test_run_is_skipped_while_the_last_job_has_not_ended(stage: Stage) -> None:
    stage.schedule(overlap=Overlap.SKIP)

    stage.at(1)
    stage.at(2)
    assert (stage.kept.skips, stage.kept.last_skip_reason) == (1, STILL_RUNS)
    assert stage.kept.last_skip_at == NOON + 2 * HOUR
    stage.desk.end_all()
    stage.at(3)

    assert stage.ran == [1, 3]


def test_run_beside_the_last_job_where_that_is_allowed(stage: Stage) -> None:
    stage.schedule(overlap=Overlap.ALLOW)

    stage.at(1)
    stage.at(2)

    assert stage.ran == [1, 2]


@pytest.mark.parametrize(
    ("catch_up", "ran", "skips"),
    [(CatchUp.NONE, [], 3), (CatchUp.LATEST, [3], 2), (CatchUp.ALL, [1, 2, 3], 0)],
)
def test_downtime_is_made_up_for_by_the_policy(
    stage: Stage, catch_up: CatchUp, ran: list[float], skips: int
) -> None:
    stage.schedule(catch_up=catch_up)

    with capture_logs() as lines:
        stage.at(3.5)

    assert (stage.ran, stage.kept.skips) == (ran, skips)
    told = [(line["runs"], line["reason"]) for line in lines if line["event"] == "schedule_skipped"]
    assert told == ([(skips, MISSED)] if skips else [])


def test_so_many_runs_are_handed_in_at_once_and_the_rest_later(stage: Stage) -> None:
    stage.schedule(catch_up=CatchUp.ALL)

    assert not stage.at(AT_ONCE + 20.5)
    assert len(stage.ran) == AT_ONCE
    assert stage.at(AT_ONCE + 20.5)

    assert stage.ran == [float(hour) for hour in range(1, AT_ONCE + 21)]


@pytest.mark.parametrize("back_by", [HOUR, 30 * 24 * HOUR])
def test_clock_that_is_put_back_runs_nothing_twice(stage: Stage, back_by: timedelta) -> None:
    stage.schedule()
    stage.at(2)

    for hours in (2 - back_by / HOUR, 1, 1.5, 2, 2.01, 3):
        stage.at(hours)

    assert stage.ran == [2, 3]


def test_kind_that_is_no_more_skips_its_runs(stage: Stage) -> None:
    stage.schedule()
    stage.desk.failures = [UnknownKindError("There is no kind 'x'; there are none.")]

    with capture_logs() as lines:
        assert stage.at(1)

    assert stage.kept.next_at == NOON + 2 * HOUR
    assert stage.kept.last_skip_reason.startswith("There is no kind")
    assert [line["reason"] for line in lines] == ["UnknownKindError"]


def test_run_that_was_handed_in_before_the_plan_was_changed_stays_as_it_was(stage: Stage) -> None:
    schedule = stage.schedule()
    stage.desk.failures = [KeyReusedError("another job")]

    stage.at(1)

    assert stage.ran == []
    assert stage.kept.last_job_id == next(list_ids(submission_of(schedule, NOON + HOUR)))


def test_who_has_lost_the_lead_hands_nothing_in(stage: Stage) -> None:
    stage.schedule()
    stage.leader_lock.is_mine = False

    assert not stage.at(1)
    assert stage.ran == []


def test_schedule_that_is_deleted_or_paused_meanwhile_is_left_alone(stage: Stage) -> None:
    schedule = stage.schedule(catch_up=CatchUp.ALL)
    stage.shelf.on_change = lambda: stage.shelf.kept.update(hourly=pause(stage.kept))
    stage.at(3)
    assert stage.ran == [1]

    stage.shelf.kept = {"hourly": replace(schedule, id="hourly")}
    stage.shelf.on_change = stage.shelf.kept.clear
    assert stage.at(5)


def test_schedule_that_was_made_anew_is_not_moved_by_the_old_ones_run(stage: Stage) -> None:
    stage.schedule()
    anew = replace(stage.kept, created_at=NOON + SECOND)
    stage.shelf.on_change = lambda: stage.shelf.kept.update(hourly=anew)

    stage.at(1)

    assert stage.kept == anew


# ── The loop ──────────────────────────────────────────────────────────────────────────────────


def scheduler_on(stage: Stage) -> Scheduler:
    parts: Any = (stage.shelf, stage.runner, stage.leader_lock)
    return Scheduler(*parts, clock=lambda: stage.now)


class Rounds(threading.Event):
    """Lets the loop go so many rounds, and notes the pauses between."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0.0)
        if len(self.pauses) == self.count:
            self.set()
        return self.is_set()


def test_leader_waits_for_the_next_time_and_leaves_its_turn_at_the_end(stage: Stage) -> None:
    stage.shelf.made = set(EXAMPLES)
    stage.schedule()
    stage.now = NOON + HOUR - 0.25 * SECOND

    scheduler_on(stage).run(rounds := Rounds(1))

    assert rounds.pauses == [0.25]
    assert stage.shelf.signs_of_life == 1
    assert stage.leader_lock.is_released


def test_loop_outlives_redis_and_faults_of_its_own(stage: Stage) -> None:
    stage.shelf.made = set(EXAMPLES)
    stage.shelf.is_away = True
    scheduler = scheduler_on(stage)
    with capture_logs() as lines:
        scheduler.run(Rounds(2))
        stage.shelf.is_away = False
        stage.runner.clock = None  # type: ignore[assignment]
        scheduler.run(Rounds(1))

    assert [line["event"] for line in lines] == [*["scheduler_skipped"] * 2, "scheduler_failed"]


def test_who_is_not_the_leader_does_nothing(stage: Stage) -> None:
    stage.leader_lock.is_mine = False

    scheduler_on(stage).run(rounds := Rounds(2))

    assert rounds.pauses == [1, 1]
    assert (stage.shelf.kept, stage.shelf.signs_of_life) == ({}, 0)


def test_examples_are_made_once_and_stay_deleted(stage: Stage) -> None:
    store: Any = stage.shelf

    make_examples(store)
    assert set(stage.shelf.kept) == set(EXAMPLES)
    stage.shelf.kept.clear()
    make_examples(store)

    assert stage.shelf.kept == {}


def test_example_does_not_take_the_place_of_a_schedule_of_its_id(stage: Stage) -> None:
    mine = stage.shelf.add(replace(stage.schedule(), id="clean-up"))
    store: Any = stage.shelf

    with capture_logs() as lines:
        make_examples(store)

    assert stage.shelf.kept["clean-up"] == mine
    assert [line["event"] for line in lines] == ["schedule_not_made", "schedule_made"]


def test_example_of_a_kind_that_is_not_offered_waits_for_it(stage: Stage) -> None:
    store: Any = stage.shelf
    offer_kinds("workflow", "", QUEUES)
    try:
        with capture_logs() as lines:
            make_examples(store)
    finally:
        offer_kinds("", "", QUEUES)

    assert set(stage.shelf.kept) == {"clean-up"}
    (line,) = [line for line in lines if line["event"] == "schedule_not_made"]
    assert "Kind jobs.history is not offered here" in line["reason"]

    make_examples(store)
    assert set(stage.shelf.kept) == set(EXAMPLES)


# ── What people do ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def register(stage: Stage) -> ScheduleService:
    parts: Any = (stage.shelf, stage.desk)
    return ScheduleService(*parts, clock=lambda: stage.now)


DAILY = Plan(kind="create_task", parameters={"type": 1}, cron="0 3 * * *")


def test_id_is_chosen_or_made_of_the_kind(register: ScheduleService) -> None:
    assert register.add(DAILY, "night").id == "night"
    assert register.add(DAILY).id.startswith("create-task-")


@pytest.mark.parametrize("schedule_id", ["Night", "a b", "-a", "a-", "a--b", "ä", "x" * 61, "a\n"])
def test_id_that_cannot_be_is_refused(register: ScheduleService, schedule_id: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^id: "):
        register.add(DAILY, schedule_id)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": "nothing"}, UnknownKindError),
        ({"kind": "files.sweep", "parameters": {}}, UnknownKindError),
        ({"parameters": {"type": "many"}}, InvalidInputError),
        ({"cron": "every day"}, InvalidInputError),
    ],
)
def test_plan_that_cannot_be_is_refused_when_it_is_made_or_changed(
    register: ScheduleService, changes: dict[str, Any], error: type[Exception]
) -> None:
    register.add(DAILY, "night")
    wrong = replace(DAILY, **changes)

    with pytest.raises(error):
        register.add(wrong, "other")
    with pytest.raises(error):
        register.change("night", wrong)
    assert register.store.get("night").plan == DAILY


def test_example_of_an_internal_kind_can_have_other_times(register: ScheduleService) -> None:
    store: Any = register.store
    make_examples(store)

    changed = register.change("clean-up", replace(EXAMPLES["clean-up"], cron="5 4 * * *"))

    assert changed.next_at.hour == 4


def test_run_on_demand_is_a_job_beside_the_times_that_counts_as_the_last(
    stage: Stage, register: ScheduleService
) -> None:
    schedule = stage.schedule(overlap=Overlap.SKIP)
    stage.now = NOON + 0.5 * HOUR

    job = register.run("hourly", a_trace())
    stage.at(1)

    assert stage.kept.last_job_id == job.id
    assert (stage.kept.last_at, stage.kept.skips) == (NOON + 0.5 * HOUR, 1)
    assert schedule.next_at == NOON + HOUR


def test_run_on_demand_that_cannot_be_noted_is_a_run_all_the_same(
    stage: Stage, register: ScheduleService
) -> None:
    """The job is accepted: to answer 503 would be untrue."""
    stage.schedule()
    stage.shelf.on_change = raise_redis_away

    with capture_logs() as lines:
        job = register.run("hourly", a_trace())

    assert job.id in stage.desk.jobs
    assert [line["event"] for line in lines] == ["schedule_run_not_noted"]


def die() -> None:
    raise Killed


def raise_redis_away() -> None:
    raise RedisConnectionError("away")


def submission_of(schedule: Schedule, moment: datetime) -> Submission:
    return Submission(
        kind=schedule.plan.kind, parameters={}, idempotency_key=schedule.name_run(moment)
    )
