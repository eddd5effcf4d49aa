"""What `test_committer` runs in a process that gevent has patched, as the web server's are."""

from typing import Any

import gevent
from gevent.event import Event

from project.errors import UnavailableError
from project.ledger import Job, Status
from tests.unit.test_committer import Hall, a_committer, an_entry, commit, status_of

go_on = Event()
halted: list[str] = []


def halt(jobs: list[Job]) -> None:
    halted.extend(job.id for job in jobs)
    assert go_on.wait(30)


def until(is_so: Any) -> None:
    with gevent.Timeout(30):
        while not is_so():
            gevent.sleep(0.001)


hall = Hall(on_record=halt)
committer = a_committer(hall)
own, beside, waiting, other = (an_entry(name) for name in ("own", "beside", "waiting", "other"))
callers = []
for entry in (own, beside):
    callers.append(gevent.spawn(commit, committer, entry))
    until(lambda entry=entry: entry.prepared.job.id in halted)
callers += [gevent.spawn(commit, committer, entry) for entry in (waiting, other)]
gevent.sleep(0)

callers[2].kill()
callers[0].kill()
go_on.set()
gevent.joinall(callers, timeout=30, raise_error=True)

assert status_of(own) is UnavailableError
assert [status_of(entry) for entry in (beside, other)] == [Status.QUEUED] * 2
assert "waiting" not in hall.names()
assert "own" not in [name for names in hall.published for name in names]
