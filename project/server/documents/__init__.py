"""The API's documents: what a request may hold and what an answer holds, as pydantic models.

A request's document takes no field that it does not know, so that a misspelt one is refused by its
name, and no text in place of a number. Answers may get further fields in time.
"""

from project.server.documents.files import File, FileForm
from project.server.documents.jobs import (
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
from project.server.documents.logs import (
    Log,
    LogError,
    LogLine,
    LogNewsQuery,
    LogQuery,
)
from project.server.documents.news import (
    NewsQuery,
    SocketMessage,
)
from project.server.documents.operations import (
    REPLAYED_AT_ONCE,
    DeadLetter,
    DeadLetterList,
    DeadLetterQuery,
    DeadMessage,
    Queue,
    QueueList,
    Replay,
    ReplayAnswer,
)
from project.server.documents.probes import (
    Health,
    Readiness,
)
from project.server.documents.problems import (
    Problem,
)
from project.server.documents.schedules import (
    NewSchedule,
    Schedule,
    ScheduleForm,
    ScheduleList,
)
from project.server.documents.signups import (
    SignUp,
    SignUpForm,
    SignUpList,
)
from project.server.documents.submissions import (
    BulkAnswer,
    BulkItem,
    BulkSubmission,
    Repetition,
    Submission,
    any_submission,
)
from project.server.documents.tutorial import (
    Task,
    TaskCreated,
    TaskStatus,
    TaskSubmission,
)
from project.server.documents.values import (
    LISTED_AT_MOST,
)

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
    "Repetition",
    "Replay",
    "ReplayAnswer",
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
