"""Creates and changes schedules, for API and command line."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from redis import RedisError

from project.errors import InvalidInputError, NotFoundError
from project.jobs import get_kind, get_offered
from project.json_values import check_json
from project.ledger import Job
from project.observability.context import Trace
from project.scheduler.schedules.schedule import (
    Plan,
    Schedule,
    change_plan,
    make_schedule,
    pause,
    resume,
)
from project.scheduler.schedules.store import ScheduleStore
from project.submission import Submitter
from project.submission.preparation import Submission

ID_PATTERN = "[a-z0-9](-?[a-z0-9]){0,59}"

_log = structlog.get_logger()


def read_clock() -> datetime:
    """The time of this process's clock, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ScheduleService:
    """All operations on schedules for API and command line."""

    store: ScheduleStore
    submitter: Submitter
    clock: Callable[[], datetime] = read_clock

    def add(self, plan: Plan, schedule_id: str = "") -> Schedule:
        """Create a schedule; without a chosen id it gets a generated one.

        Raises UnknownKindError, InvalidInputError, OccupiedError.
        """
        checked = check_plan(plan)
        chosen = _check_id(schedule_id) if schedule_id else _make_id(plan)
        schedule = self.store.add(make_schedule(chosen, checked, self.clock()))
        self.store.hold_files(schedule)
        return schedule

    def change(self, schedule_id: str, plan: Plan) -> Schedule:
        """Replace the plan. Raises NotFoundError, UnknownKindError, InvalidInputError."""
        checked = check_plan(plan, offered_besides=self.store.get(schedule_id).plan.kind)
        now = self.clock()
        schedule = self.store.change(schedule_id, lambda found: change_plan(found, checked, now))
        self.store.hold_files(schedule)
        return schedule

    def pause(self, schedule_id: str) -> Schedule:
        """Pause the schedule: nothing runs until it is resumed. Raises NotFoundError."""
        return self.store.change(schedule_id, pause)

    def resume(self, schedule_id: str) -> Schedule:
        """Resume the schedule with its next time from now. Raises NotFoundError."""
        now = self.clock()
        return self.store.change(schedule_id, lambda found: resume(found, now))

    def remove(self, schedule_id: str) -> None:
        """Delete the schedule; its jobs stay. Raises NotFoundError."""
        self.store.remove(schedule_id)

    def run(self, schedule_id: str, trace: Trace) -> Job:
        """Run the schedule's job now, in addition to its times; raises a submit's errors.

        It ignores jobs that still run. The next run counts this one as the last run.
        """
        schedule, now = self.store.get(schedule_id), self.clock()
        plan = schedule.plan
        job = self.submitter.submit(Submission(kind=plan.kind, parameters=plan.parameters), trace)

        def note(found: Schedule) -> Schedule:
            return replace(found, last_at=now, last_job_id=job.id)

        try:
            self.store.change(schedule_id, note)
        except (NotFoundError, RedisError) as error:  # the job runs anyway
            _log.warning(
                "schedule_run_not_noted",
                schedule_id=schedule_id,
                job_id=job.id,
                reason=f"{error!r:.300}",
            )
        return job


def check_plan(plan: Plan, offered_besides: str = "") -> Plan:
    """The plan, with its parameters as the kind parses them; raises a submit's errors."""
    kind = (get_kind if plan.kind == offered_besides else get_offered)(plan.kind)
    check_json(plan.title, "title")
    parameters = kind.write(kind.parse(plan.parameters), only_set=True)
    return replace(plan, parameters=parameters)


def _check_id(schedule_id: str) -> str:
    if not re.fullmatch(ID_PATTERN, schedule_id):
        raise InvalidInputError(
            "id: use up to 60 lower-case letters, digits and single hyphens, as in nightly-report.",
            field="id",
        )
    return schedule_id


def _make_id(plan: Plan) -> str:
    """A new id that begins with the kind's name."""
    words = re.findall("[a-z0-9]+", plan.kind.lower())
    return "-".join([*words, secrets.token_hex(3)])[-60:].lstrip("-")
