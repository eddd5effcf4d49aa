"""The API's documents: what a request may hold and what an answer holds, as pydantic models.

A request's document takes no field that it does not know, so that a misspelt one is refused by its
name, and no text in place of a number. Answers may get further fields in time.
"""

from project.api.files import File, FileForm
from project.api.jobs import (
    Attempt,
    Failure,
    Job,
    JobList,
    JobQuery,
    JobTree,
    Kind,
    KindList,
    Progress,
    RunTime,
)
from project.api.logs import Log, LogError, LogLine, LogNewsQuery, LogQuery
from project.api.news import NewsQuery, SocketMessage
from project.api.operations import (
    REPLAYED_AT_ONCE,
    DeadLetter,
    DeadLetterList,
    DeadLetterQuery,
    DeadMessage,
    Queue,
    QueueList,
    RerunAnswer,
    RerunDeadLetters,
)
from project.api.probes import Health, Readiness
from project.api.problems import Problem
from project.api.schedules import NewSchedule, Schedule, ScheduleForm, ScheduleList
from project.api.signups import SignUp, SignUpForm, SignUpList
from project.api.submissions import (
    BulkAnswer,
    BulkItem,
    BulkSubmission,
    Rerun,
    Submission,
    any_submission,
)
from project.api.tutorial import Task, TaskCreated, TaskStatus, TaskSubmission
from project.api.values import LISTED_AT_MOST

__all__ = [
    "LISTED_AT_MOST",
    "REPLAYED_AT_ONCE",
    "Attempt",
    "BulkAnswer",
    "BulkItem",
    "BulkSubmission",
    "DeadLetter",
    "DeadLetterList",
    "DeadLetterQuery",
    "DeadMessage",
    "Failure",
    "File",
    "FileForm",
    "Health",
    "Job",
    "JobList",
    "JobQuery",
    "JobTree",
    "Kind",
    "KindList",
    "Log",
    "LogError",
    "LogLine",
    "LogNewsQuery",
    "LogQuery",
    "NewSchedule",
    "NewsQuery",
    "Problem",
    "Progress",
    "Queue",
    "QueueList",
    "Readiness",
    "Rerun",
    "RerunAnswer",
    "RerunDeadLetters",
    "RunTime",
    "Schedule",
    "ScheduleForm",
    "ScheduleList",
    "SignUp",
    "SignUpForm",
    "SignUpList",
    "SocketMessage",
    "Submission",
    "Task",
    "TaskCreated",
    "TaskStatus",
    "TaskSubmission",
    "any_submission",
]
