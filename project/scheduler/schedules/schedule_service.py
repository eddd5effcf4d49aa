"""Making and changing schedules, for API and command line."""

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
    """The time by this process's clock, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ScheduleService:
    """Everything that people do with schedules."""

    store: ScheduleStore
    submitter: Submitter
    clock: Callable[[], datetime] = read_clock

    def add(self, plan: Plan, schedule_id: str = "") -> Schedule:
        """A new schedule; its id is made, if none was chosen.

        Raises UnknownKindError, InvalidInputError, OccupiedError.
        """
        checked = check_plan(plan)
        chosen = _check_id(schedule_id) if schedule_id else _make_id(plan)
        schedule = self.store.add(make_schedule(chosen, checked, self.clock()))
        self.store.hold_files(schedule)
        return schedule

    def change(self, schedule_id: str, plan: Plan) -> Schedule:
        """Another plan for a schedule. NotFoundError, UnknownKindError, InvalidInputError."""
        checked = check_plan(plan, offered_besides=self.store.get(schedule_id).plan.kind)
        now = self.clock()
        schedule = self.store.change(schedule_id, lambda found: change_plan(found, checked, now))
        self.store.hold_files(schedule)
        return schedule

    def pause(self, schedule_id: str) -> Schedule:
        """Nothing runs until it is resumed. NotFoundError."""
        return self.store.change(schedule_id, pause)

    def resume(self, schedule_id: str) -> Schedule:
        """It goes on with its next time from now. NotFoundError."""
        now = self.clock()
        return self.store.change(schedule_id, lambda found: resume(found, now))

    def remove(self, schedule_id: str) -> None:
        """Forget it; its jobs stay. NotFoundError."""
        self.store.remove(schedule_id)

    def run(self, schedule_id: str, trace: Trace) -> Job:
        """A job of it now, beside its times, whatever else runs; raises what a submit does.

        The next run counts it as the last one.
        """
        schedule, now = self.store.get(schedule_id), self.clock()
        plan = schedule.plan
        job = self.submitter.submit(Submission(kind=plan.kind, parameters=plan.parameters), trace)

        def note(found: Schedule) -> Schedule:
            return replace(found, last_at=now, last_job_id=job.id)

        try:
            self.store.change(schedule_id, note)
        except (NotFoundError, RedisError) as error:  # the job runs nevertheless
            _log.warning(
                "schedule_run_not_noted",
                schedule_id=schedule_id,
                job_id=job.id,
                reason=f"{error!r:.300}",
            )
        return job


def check_plan(plan: Plan, offered_besides: str = "") -> Plan:
    """The plan with its parameters as the kind reads them; raises what a submit would."""
    kind = (get_kind if plan.kind == offered_besides else get_offered)(plan.kind)
    check_json(plan.title, "title")
    parameters = kind.write(kind.parse(plan.parameters), only_set=True)
    return replace(plan, parameters=parameters)


def _check_id(schedule_id: str) -> str:
    if not re.fullmatch(ID_PATTERN, schedule_id):
        raise InvalidInputError(
            "id: up to 60 small letters, digits and single hyphens, as in nightly-report.",
            field="id",
        )
    return schedule_id


def _make_id(plan: Plan) -> str:
    """Named after the kind."""
    words = re.findall("[a-z0-9]+", plan.kind.lower())
    return "-".join([*words, secrets.token_hex(3)])[-60:].lstrip("-")
