"""The pool as Celery sees it (`worker_pool`): starts, watches and stops worker processes.

No job passes through it: each process consumes by itself and writes the job that it runs to its
slot. The pool reads the slot for remote control and when the worker stops; the supervisor reads it,
too. All of this happens in the worker's main process. It needs Linux 5.3 (pidfd_open(2)).
"""

import signal as signals
from collections.abc import Iterable, Iterator
from functools import partial
from time import monotonic
from typing import Any

import structlog
from billiard.common import TERM_SIGNAL, human_status
from celery.concurrency.base import BasePool
from celery.signals import worker_before_create_process
from celery.worker import state
from kombu.asynchronous import get_event_loop
from redis import RedisError

from project.errors import JobsError
from project.observability.binding import about_message
from project.observability.context import Trace
from project.worker.attempt_logging import log_end
from project.worker.engine.process import Wishes, serve
from project.worker.engine.recycling import Allowance
from project.worker.engine.request import RunningRequest
from project.worker.engine.running import make_running_request
from project.worker.engine.slot import Run
from project.worker.engine.supervisor import Supervisor
from project.worker.engine.worker_process import WorkerProcess

TICK_SECONDS = 0.25
"""How often the processes are checked."""
YOUNG_SECONDS = 1.0
"""A process that exits this early is replaced only at the next check: it may well exit again."""
END_SECONDS = 0.5
"""A process that is told to exit has this long to requeue the job that it runs."""
LEAVE_SECONDS = 1.0
"""An idle process has this long to exit."""

_log = structlog.get_logger()


class EnginePool(BasePool):  # type: ignore[misc]  # Celery has no types
    """A pool of forked processes that consume by themselves."""

    uses_semaphore = False

    def prepare(self, hostname: str, queues: Iterable[str], most_ahead: int) -> None:
        """Set the worker's name and the queues of its processes; call it before the start."""
        self._wishes = Wishes(self.app, hostname, most_ahead)
        self._wishes.queues = tuple(queues)
        self.eventer: Any = None
        """Publishes Celery's events; None while there is no connection for them."""

    def on_start(self) -> None:
        """Start the processes; Celery calls it once."""
        self.processes: list[WorkerProcess] = []
        self._hub: Any = None
        self._is_short = False
        self._wanted: int = self.limit
        self._wishes.processes = self._wanted
        self._wishes.allowance = Allowance(
            self.options.get("maxtasksperchild"), self.options.get("max_memory_per_child")
        )
        self._spawn()
        Supervisor(self.app, lambda: list(self.processes), self._supervised_request).start()

    def did_start_ok(self) -> bool:
        """Whether all processes are alive."""
        return all(process.is_alive for process in self.processes)

    def register_with_event_loop(self, hub: Any) -> None:
        """Celery calls this when its loop starts, at first and after each reconnection."""
        self._hub = hub
        for process in self.processes:
            self._watch(process)
        hub.call_repeatedly(TICK_SECONDS, self.maintain_pool)

    # ── Processes ──────────────────────────────────────────────────────────────────────────────

    def _spawn(self) -> None:
        while len(self._staying()) < self._wanted:
            worker_before_create_process.send(sender=self)
            self._wishes.revoked = tuple(state.revoked)
            try:
                process = WorkerProcess(partial(_serve, wishes=self._wishes))
            except OSError as error:
                if self._state != self.RUN:
                    raise
                self._note_shortage(error)
                return
            self._is_short = False
            self.processes.append(process)
            if self._hub:
                self._watch(process)

    def _note_shortage(self, error: OSError) -> None:
        """Log that the system cannot start one more process. The next check tries again.

        Memory, process ids or descriptors have run out. The error is not raised, because Celery
        would take it for a lost connection, and reconnect.
        """
        if not self._is_short:
            _log.error("process_not_started", reason=str(error))
        self._is_short = True

    def _staying(self) -> list[WorkerProcess]:
        return [process for process in self.processes if not process.is_leaving]

    def _watch(self, process: WorkerProcess) -> None:
        self._hub.add_reader(process.line, self._hear, process)
        self._hub.add_reader(process.life, self._reap, process)

    def _hear(self, process: WorkerProcess) -> None:
        for report in process.reports():
            if report[0] == "counts":
                state.total_count.update(report[1])
                state.all_total_count[0] += sum(report[1].values())
            elif self.eventer is not None:
                self.eventer.send(report[1], **report[2])

    def _reap(self, process: WorkerProcess) -> None:
        """Clean up after a process that exited. RabbitMQ redelivers the message that it ran."""
        if process not in self.processes:
            return
        if self._hub:
            self._hub.remove(process.line)
            self._hub.remove(process.life)
        self._hear(process)
        self.processes.remove(process)
        run = process.slot.read()
        process.close()
        code = process.process.exitcode
        if run is not None and self._state == self.RUN:
            with self._about(process, run):
                _log.error("worker_process_lost", reason=human_status(code))
        if self._state == self.RUN and monotonic() - process.began_at > YOUNG_SECONDS:
            self._spawn()

    def maintain_pool(self, *_: Any, **__: Any) -> None:
        """Reap the processes that exited, and replace them."""
        is_watched = self._is_watched
        for process in list(self.processes):
            if not process.is_alive:
                self._reap(process)
                continue
            process.slot.watch(is_watched)
        if self._state == self.RUN:
            self._spawn()

    @property
    def _is_watched(self) -> bool:
        """Whether anything listens for events of jobs, such as Flower."""
        eventer = self.eventer
        return bool(
            eventer and eventer.enabled and (not eventer.groups or "task" in eventer.groups)
        )

    # ── Remote control ─────────────────────────────────────────────────────────────────────────

    def running(self) -> Iterator[RunningRequest]:
        """The jobs that the processes run."""
        for process in self.processes:
            run = process.slot.read()
            if run is not None:
                yield self.request_of(process, run)

    def request_of(self, process: WorkerProcess, run: Run) -> RunningRequest:
        """The job as a Celery request."""
        return make_running_request(self.app, self._wishes.node_name, self.eventer, process, run)

    def _supervised_request(self, process: WorkerProcess, run: Run) -> RunningRequest:
        """Like `request_of`, for the supervisor's thread: its events go through Celery's loop."""
        eventer = LoopEvents(self.eventer, self._hub) if self.eventer and self._hub else None
        return make_running_request(self.app, self._wishes.node_name, eventer, process, run)

    def send_to_all(self, *order: Any) -> None:
        """Send an order to all processes."""
        for process in self.processes:
            process.order(*order)

    def consume_from(self, queues: Iterable[str]) -> None:
        """Have all processes consume from these queues from now on."""
        self._wishes.queues = tuple(queues)
        self.send_to_all("queues", self._wishes.queues)

    def grow(self, n: int) -> None:
        """Add `n` processes."""
        self._want(self._wanted + n)
        self._spawn()

    def shrink(self, n: int) -> None:
        """Remove `n` processes, idle ones first; a busy process exits after its job."""
        if n >= self._wanted:
            raise ValueError("A pool must keep at least one process.")
        self._want(self._wanted - n)
        idle_first = sorted(self._staying(), key=lambda process: process.slot.running)
        for process in idle_first[: len(idle_first) - self._wanted]:
            process.leave()

    def _want(self, count: int) -> None:
        self._wanted = self._wishes.processes = count
        self.send_to_all("processes", count)

    def restart(self) -> None:
        """Replace all processes; each one exits after its job."""
        for process in self._staying():
            process.leave()
        self._spawn()

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """Send a process a signal; Celery calls this. `RunningRequest` checks which job it runs."""
        for process in self.processes:
            if process.pid == pid:
                process.signal(signal or TERM_SIGNAL)

    @property
    def num_processes(self) -> int:
        """How many processes the pool is meant to have."""
        return self._wanted

    def _get_info(self) -> dict[str, Any]:
        info: dict[str, Any] = super()._get_info()
        return info | {
            "max-concurrency": self._wanted,
            "processes": [process.pid for process in self.processes],
            "max-tasks-per-child": self.options.get("maxtasksperchild") or "N/A",
            "put-guarded-by-semaphore": False,
            "timeouts": (self.options.get("soft_timeout") or 0, self.options.get("timeout") or 0),
            "done": [process.slot.done for process in self.processes],
        }

    # ── The end ────────────────────────────────────────────────────────────────────────────────

    def finish(self, seconds: float | None) -> None:
        """Start no more jobs, and wait for the running ones; without a limit, send heartbeats."""
        self._want(0)
        for process in self.processes:
            process.leave()
        deadline = None if seconds is None else monotonic() + seconds
        hub = get_event_loop()
        while self.processes and (deadline is None or monotonic() < deadline):
            self.processes[0].await_end(min(TICK_SECONDS, _left(deadline)))
            self.maintain_pool()
            if hub is not None and deadline is None:
                hub.fire_timers()

    def on_close(self) -> None:
        """Start no more jobs."""
        self._want(0)
        for process in self.processes:
            process.leave()

    def on_stop(self) -> None:
        """Wait for the running jobs."""
        if not state.should_terminate:
            self.finish(None)
        self.on_terminate()

    def on_terminate(self) -> None:
        """Stop all processes now, busy or not; their jobs are requeued."""
        self._want(0)
        for process in self.processes:
            process.slot.requeue()
            process.leave()
            if process.slot.running:
                process.signal(TERM_SIGNAL)
        deadline = monotonic() + LEAVE_SECONDS
        for process in self.processes:
            process.await_end(END_SECONDS if process.slot.running else _left(deadline))
            if process.is_alive:
                self._kill(process)
            self._hear(process)
            process.close()
        self.processes.clear()

    def _kill(self, process: WorkerProcess) -> None:
        """Requeue the job of a process that did not exit, then kill the process.

        RabbitMQ redelivers the message as soon as the process is gone.
        """
        run = process.slot.read()
        if run is not None:
            with process.halted(run.token) as is_running:
                if is_running:
                    self._requeue(process, run)
                process.signal(signals.SIGKILL)
        process.signal(signals.SIGKILL)
        process.await_end(LEAVE_SECONDS)

    def _requeue(self, process: WorkerProcess, run: Run) -> None:
        request = self.request_of(process, run)
        equipment = self.app.equipment
        with about_message(request.request_dict, request.id):
            try:
                job = equipment.quick_ledger.attempts.requeue(request.id, worker=request.hostname)
            except (JobsError, RedisError) as error:
                # The job has just finished; or it will count as lost, as if its process was killed.
                _log.info("job_not_requeued", job_id=request.id, reason=str(error))
            else:
                log_end(job, Trace.of_message(request.request_dict, request.id), equipment.spans)

    def _about(self, process: WorkerProcess, run: Run) -> Any:
        request = self.request_of(process, run)
        return about_message(request.request_dict, request.id)


class LoopEvents:
    """Has Celery's loop send the events of another thread."""

    def __init__(self, eventer: Any, hub: Any) -> None:
        self._eventer, self._hub = eventer, hub

    @property
    def enabled(self) -> bool:
        """Whether anything listens for events."""
        return bool(self._eventer.enabled)

    def send(self, type: str, **fields: Any) -> None:  # noqa: A002 - Celery's name
        """Have the loop send the event a moment later."""
        self._hub.call_soon(partial(self._eventer.send, type, **fields))


def _serve(line: Any, mask: Any, slot: Any, wishes: Wishes) -> None:
    serve(line, mask, slot, wishes)


def _left(deadline: float | None) -> float:
    return TICK_SECONDS if deadline is None else max(0.0, deadline - monotonic())
