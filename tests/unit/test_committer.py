"""Group commit: jobs share their way, and each has an answer of its own whatever happens."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Self

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from redis import ConnectionError as RedisConnectionError
from redis import RedisError
from redis.exceptions import ResponseError

from project.broker.publisher.content import Content
from project.broker.publisher.flight import UNSETTLED
from project.errors import QueueFullError, TransitionError, UnavailableError, UnforeseenError
from project.ledger import Job, Status
from project.ledger.admissions import Admission, Recorded
from project.submission import committer as committer_module
from project.submission.batch import Entry, Order, encode
from project.submission.committer import LATE_SECONDS, MOST_TOGETHER, UNDER_WAY, Committer
from project.submission.preparation import PreparedJob, Submission
from tests.builders import a_job, a_trace
from tests.waiting import wait_until

LONG = 30.0
no_complaints = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
Step = Callable[[list[Job]], None]


def go_on(_jobs: list[Job]) -> None:
    """Nothing goes wrong."""


@dataclass
class Hall:
    """Stands in for ledger, publisher and recovery; a test can halt or break each step."""

    on_record: Step = go_on
    on_confirm: Step = go_on
    bad: dict[str, Any] = field(default_factory=dict)
    """By job id, what the ledger answers instead of recording it."""
    unnoted: dict[str, Any] = field(default_factory=dict)
    """By job id, what it answers instead of noting its confirm."""
    silent: set[str] = field(default_factory=set)
    """Jobs whose confirm does not come."""
    recorded: list[list[str]] = field(default_factory=list)
    published: list[list[str]] = field(default_factory=list)
    noted: list[list[str]] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """The jobs that were recorded."""
        return [name for names in self.recorded for name in names]

    def record_many(self, jobs: list[Job], rules: list[Admission]) -> list[Any]:
        assert len(jobs) == len(rules)
        self.recorded.append([job.id for job in jobs])
        self.on_record(jobs)
        return [self.bad.get(job.id, Recorded(job, is_new=True)) for job in jobs]

    def send(self, contents: Sequence[Content]) -> "Answers":
        ids = [content.message.job_id for content in contents]
        self.published.append(ids)
        return Answers(self, ids)

    def confirm_many(self, jobs: list[Job], *, within_seconds: float, by: str) -> list[Any]:
        assert within_seconds > 0
        assert by
        self.on_confirm(jobs)
        self.noted.append([job.id for job in jobs])
        return [self.unnoted.get(job.id, replace(job, status=Status.QUEUED)) for job in jobs]

    def doubt(self, jobs: list[Job], _by: str) -> None:
        self.in_doubt += [job.id for job in jobs]

    def remember(self, jobs: list[Job]) -> None:
        self.told += [job.id for job in jobs]


class Answers:
    """What the broker says of a batch's messages: all but the silent ones are confirmed."""

    def __init__(self, hall: Hall, ids: list[str]) -> None:
        self._hall, self._ids = hall, ids
        self.outcomes: list[Exception | None] = [UNSETTLED] * len(ids)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """There is no line to give back."""

    def wait(self, until: float) -> None:
        self._look()
        while UNSETTLED in self.outcomes and monotonic() < until:
            threading.Event().wait(0.001)
            self._look()

    def _look(self) -> None:
        for place, job_id in enumerate(self._ids):
            if job_id not in self._hall.silent:
                self.outcomes[place] = None


def a_committer(hall: Hall) -> Committer:
    return Committer(hall, hall, hall)  # type: ignore[arg-type]


def an_entry(job_id: str = "", **changes: Any) -> Entry:
    job = a_job(**({"id": job_id} if job_id else {}), status=Status.ACCEPTED, **changes)
    submission = Submission(kind=job.kind, parameters=job.parameters)
    trace = a_trace()
    return Entry(PreparedJob(job, submission, "", 0), Admission(), trace, encode(job, trace), trace)


def commit(committer: Committer, *entries: Entry, seconds: float = LONG) -> None:
    committer.wait(committer.begin(entries, monotonic() + seconds, is_alone=True))


def status_of(entry: Entry) -> Any:
    return entry.answer.status if isinstance(entry.answer, Job) else type(entry.answer)


class Crowd:
    """Callers at the same time, each in a thread of its own."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._threads: list[threading.Thread] = []

    def submit(self, *entries: Entry, seconds: float = LONG) -> None:
        thread = threading.Thread(
            target=commit, args=(self._committer, *entries), kwargs={"seconds": seconds}
        )
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(LONG)
            assert not thread.is_alive()


class Gate:
    """Halts the batches that come, until it is opened."""

    def __init__(self) -> None:
        self._is_open = threading.Event()
        self.halted = 0

    def __call__(self, _jobs: list[Job]) -> None:
        if not self._is_open.is_set():
            self.halted += 1
            assert self._is_open.wait(LONG)

    def open(self) -> None:
        self._is_open.set()

    def await_halted(self, count: int) -> None:
        wait_until(lambda: self.halted >= count, LONG)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No batch counts as late, however slow the machine is."""
    monkeypatch.setattr(committer_module, "LATE_SECONDS", LONG)


def test_who_comes_alone_waits_for_no_company_and_needs_no_thread() -> None:
    hall, threads = Hall(), []
    hall.on_record = lambda _jobs: threads.append(threading.current_thread())

    for name in ("a", "b"):
        commit(a_committer(hall), an_entry(name))

    assert hall.recorded == [["a"], ["b"]]
    assert threads == [threading.main_thread()] * 2


@pytest.mark.usefixtures("patience")
def test_who_comes_while_two_batches_are_under_way_shares_the_next_one() -> None:
    gate = Gate()
    hall = Hall(on_record=gate)
    crowd = Crowd(a_committer(hall))
    for number in range(UNDER_WAY):
        crowd.submit(an_entry(f"early {number}"))
        gate.await_halted(number + 1)
    rest = [an_entry(f"late {number}") for number in range(10)]
    crowd.submit(*rest[:4])
    for entry in rest[4:]:
        crowd.submit(entry)

    gate.open()
    crowd.join()

    assert [status_of(entry) for entry in rest] == [Status.QUEUED] * 10
    assert sorted(name for name in hall.names() if "late" in name) == sorted(
        entry.prepared.job.id for entry in rest
    )
    assert sorted(hall.published) == sorted(hall.recorded)
    assert sorted(map(sorted, hall.noted)) == sorted(map(sorted, hall.recorded))


@pytest.mark.usefixtures("patience")
def test_batch_takes_whole_orders_in_turn_and_no_more_than_it_may() -> None:
    gate = Gate()
    hall = Hall(on_record=gate)
    committer = a_committer(hall)
    crowd = Crowd(committer)
    for number in range(UNDER_WAY):
        crowd.submit(an_entry(f"early {number}"))
        gate.await_halted(number + 1)
    large = [an_entry() for _ in range(MOST_TOGETHER)]
    orders = [
        committer.begin(entries, monotonic() + LONG, is_alone=False)
        for entries in (large, [an_entry("next")], [an_entry("last")])
    ]

    gate.open()
    crowd.join()
    for order in orders:
        committer.wait(order)

    assert sorted(map(len, hall.recorded)) == [1, 1, 2, MOST_TOGETHER]
    assert hall.recorded.index(["next", "last"]) > UNDER_WAY - 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (QueueFullError("short", 7), QueueFullError),
        (ResponseError("WRONGTYPE"), UnavailableError),
        (Recorded(a_job(status=Status.SUCCEEDED), is_new=False), Recorded),
    ],
)
def test_one_that_is_not_recorded_spoils_none_beside_it(answer: Any, told: type) -> None:
    hall = Hall(bad={"bad": answer})
    entries = [an_entry(name) for name in ("a", "bad", "b")]

    commit(a_committer(hall), *entries)

    assert [status_of(entry) for entry in entries] == [Status.QUEUED, told, Status.QUEUED]
    assert hall.published == [["a", "b"]]
    assert not hall.in_doubt


@pytest.mark.parametrize(
    ("answer", "in_doubt", "withdrawn"),
    [(TransitionError("too late"), [], True), (ResponseError("WRONGTYPE"), ["bad"], False)],
)
def test_one_whose_confirm_is_not_noted_spoils_none_beside_it(
    answer: Exception, in_doubt: list[str], withdrawn: bool
) -> None:
    hall = Hall(unnoted={"bad": answer})
    entries = [an_entry(name) for name in ("a", "bad", "b")]

    commit(a_committer(hall), *entries)

    assert [status_of(entry) for entry in entries] == [
        *(Status.QUEUED, UnavailableError, Status.QUEUED),
    ]
    assert (hall.in_doubt, entries[1].is_to_be_withdrawn) == (in_doubt, withdrawn)
    assert hall.told == ["a", "b"]


def test_one_whose_confirm_does_not_come_holds_up_none_beside_it() -> None:
    hall = Hall(silent={"slow"})
    entries = [an_entry("a"), an_entry("slow"), an_entry("b")]
    crowd = Crowd(a_committer(hall))

    crowd.submit(*entries)
    wait_until(lambda: hall.noted == [["a", "b"]], LONG)
    assert entries[1].answer is None
    hall.silent.clear()
    crowd.join()

    assert [status_of(entry) for entry in entries] == [Status.QUEUED] * 3
    assert hall.noted == [["a", "b"], ["slow"]]


@pytest.mark.usefixtures("patience")
def test_deadline_of_one_is_no_other_ones() -> None:
    gate = Gate()
    hall = Hall(on_record=gate, silent={"short", "long"})
    crowd = Crowd(a_committer(hall))
    for number in range(UNDER_WAY):
        crowd.submit(an_entry(f"early {number}"))
        gate.await_halted(number + 1)
    short, long = an_entry("short"), an_entry("long")
    crowd.submit(short, seconds=1)
    crowd.submit(long)

    gate.open()
    wait_until(lambda: short.answer is not None, LONG)

    assert status_of(short) is UnavailableError
    assert long.answer is None
    hall.silent.clear()
    crowd.join()
    assert status_of(long) is Status.QUEUED


@pytest.mark.usefixtures("patience")
def test_what_no_batch_has_taken_by_its_deadline_is_never_recorded() -> None:
    gate = Gate()
    hall = Hall(on_record=gate)
    crowd = Crowd(a_committer(hall))
    for number in range(UNDER_WAY):
        crowd.submit(an_entry(f"early {number}"))
        gate.await_halted(number + 1)
    entry = an_entry("impatient")
    crowd.submit(entry, seconds=LATE_SECONDS / 5)

    wait_until(lambda: entry.answer is not None, LONG)
    gate.open()
    crowd.join()

    assert status_of(entry) is UnavailableError
    assert "impatient" not in hall.names()


def test_batches_that_hang_do_not_keep_the_next_ones_waiting() -> None:
    gate = Gate()
    hall = Hall(on_record=gate)
    crowd = Crowd(a_committer(hall))
    for number in range(UNDER_WAY):
        crowd.submit(an_entry(f"stuck {number}"))
        gate.await_halted(number + 1)
    hall.on_record = go_on

    crowd.submit(entry := an_entry("next"))
    wait_until(lambda: entry.answer is not None, LONG)

    assert status_of(entry) is Status.QUEUED
    gate.open()
    crowd.join()


@pytest.mark.parametrize("step", ["record", "confirm"])
def test_redis_that_is_away_is_told_to_all_of_the_batch(step: str) -> None:
    def be_away(_jobs: list[Job]) -> None:
        raise RedisConnectionError("no")

    hall = Hall(**{f"on_{step}": be_away})
    entries = [an_entry("a"), an_entry("b")]

    commit(a_committer(hall), *entries)

    assert [status_of(entry) for entry in entries] == [UnavailableError] * 2
    assert hall.in_doubt == (["a", "b"] if step == "confirm" else [])


def fail_in_threads(error: BaseException) -> Step:
    def fail(_jobs: list[Job]) -> None:
        if threading.current_thread().name == "committer":
            raise error

    return fail


@no_complaints
@pytest.mark.parametrize(
    ("error", "told"), [(TypeError("a bug"), UnforeseenError), (SystemExit(), UnavailableError)]
)
def test_committer_that_ends_in_the_middle_leaves_none_waiting(
    error: BaseException, told: type
) -> None:
    """As a greenlet does that is killed; who comes next has another one."""
    gate = Gate()
    hall = Hall(on_record=gate, on_confirm=fail_in_threads(error))
    committer = a_committer(hall)
    crowd = Crowd(committer)
    crowd.submit(first := an_entry("first"))
    gate.await_halted(1)
    crowd.submit(second := an_entry("second"))

    gate.open()
    crowd.join()

    assert (status_of(first), status_of(second)) == (Status.QUEUED, told)
    assert hall.in_doubt == ["second"]
    hall.on_confirm = go_on
    commit(committer, third := an_entry("third"))
    assert status_of(third) is Status.QUEUED


def test_what_no_thread_can_be_started_for_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    hall = Hall(on_record=gate)
    committer = a_committer(hall)
    crowd = Crowd(committer)
    crowd.submit(an_entry("first"))
    gate.await_halted(1)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(threading.Thread, "start", _refuse_to_start)
        commit(committer, an_entry("refused"))

    commit_later = threading.Thread(target=commit, args=(committer, later := an_entry("later")))
    commit_later.start()
    gate.open()
    crowd.join()
    commit_later.join(LONG)
    assert status_of(later) is Status.QUEUED
    assert "refused" not in hall.names()


def _refuse_to_start(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.usefixtures("patience")
def test_caller_who_is_interrupted_while_it_waits_takes_its_job_away_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(order: Order) -> None:
        if threading.current_thread() is threading.main_thread():
            raise SoftTimeLimitExceeded
        wait(order)

    wait = Order.wait
    gate = Gate()
    hall = Hall(on_record=gate)
    committer = a_committer(hall)
    crowd = Crowd(committer)
    for number in range(UNDER_WAY):
        crowd.submit(an_entry(f"early {number}"))
        gate.await_halted(number + 1)
    crowd.submit(other := an_entry("other"))
    killed = an_entry("killed")
    monkeypatch.setattr(Order, "wait", interrupt)

    with pytest.raises(SoftTimeLimitExceeded):
        commit(committer, killed)
    gate.open()
    crowd.join()

    assert status_of(other) is Status.QUEUED
    assert "killed" not in hall.names()


def test_caller_who_is_interrupted_at_its_own_batch_is_in_doubt_about_that_alone() -> None:
    def interrupt(_jobs: list[Job]) -> None:
        raise SoftTimeLimitExceeded

    hall = Hall(on_confirm=interrupt)
    committer = a_committer(hall)
    with pytest.raises(SoftTimeLimitExceeded):
        commit(committer, an_entry("killed"))

    hall.on_confirm = go_on
    commit(committer, other := an_entry("other"))

    assert hall.in_doubt == ["killed"]
    assert status_of(other) is Status.QUEUED


@pytest.mark.usefixtures("patience")
def test_fork_while_others_are_under_way_begins_with_none_of_them() -> None:
    gate = Gate()
    hall = Hall(on_record=gate)
    committer = a_committer(hall)
    crowd = Crowd(committer)
    for number in range(UNDER_WAY):
        crowd.submit(an_entry(f"early {number}"))
        gate.await_halted(number + 1)
    crowd.submit(an_entry("waits"))
    hall.on_record = go_on

    child = os.fork()
    if not child:
        status = 1
        try:
            hall.recorded.clear()
            commit(committer, entry := an_entry("child's"))
            is_alone = hall.recorded == [["child's"]]
            status = 0 if is_alone and status_of(entry) is Status.QUEUED else 1
        finally:
            os._exit(status)

    assert os.waitpid(child, 0)[1] == 0
    gate.open()
    crowd.join()


def test_accepted_job_of_the_same_key_is_published_again() -> None:
    holder = a_job(id="holder", status=Status.ACCEPTED)
    hall = Hall(bad={"new": Recorded(holder, is_new=False)})
    entry = an_entry("new")

    commit(a_committer(hall), entry)

    assert hall.published == [["holder"]]
    assert isinstance(entry.answer, Job)
    assert entry.answer.id == "holder"


def test_error_of_redis_keeps_its_cause() -> None:
    error: RedisError = ResponseError("WRONGTYPE")
    entry = an_entry("bad")

    commit(a_committer(Hall(bad={"bad": error})), entry)

    assert isinstance(entry.answer, UnavailableError)
    assert entry.answer.__cause__ is error


def test_killed_greenlets_take_no_other_ones_job_with_them() -> None:
    """As gunicorn runs it: one that waits is killed, and one that carries out its own job."""
    code = "from gevent import monkey; monkey.patch_all(); import tests.unit.greenlets"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
