"""Run background jobs in lanes, with progress and cancelling.

A lane is one thread and runs one job at a time. Long work is a generator: at each `yield` the lane may run a more
urgent job first, so that a click is answered while a gallery fills. Results are delivered on the owner's thread, by the
function that the owner passes in; results of a cancelled job are not delivered.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import queue
import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any

from psygnal import Signal

from auralscope.bug_report import report_bug
from auralscope.errors import AuralScopeError

log = logging.getLogger(__name__)

Deliver = Callable[[Callable[[], None]], None]


class Cancelled(Exception):  # noqa: N818
    """Raised inside the work of a job that was cancelled, to leave it."""


@dataclass(eq=False)
class Job:
    """One piece of background work.

    Attributes
    ----------
    title : str
        Shown to the user; a job without a title is not shown.
    lane : str
    key : hashable, optional
        Another job started with the same key cancels this one.
    progress : float or None
        0 to 1, or None while it is unknown.
    finished : bool
        Whether the job is done, has failed or was cancelled.
    """

    title: str
    lane: str
    key: Hashable | None
    urgency: int
    work: Callable[[Job], Any]
    each: Callable[[Any], None] | None
    done: Callable[[Any], None] | None
    failed: Callable[[str], None] | None
    report: Callable[[], None]
    progress: float | None = None
    finished: bool = False
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _steps: Iterator[Any] | None = None

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the work to stop, and deliver no more of its results."""
        self._cancelled.set()

    def rest(self, seconds: float) -> None:
        """Wait, inside the work, so that the job can be cancelled before it costs anything.

        Raises
        ------
        Cancelled
            If the job was cancelled.
        """
        if self._cancelled.wait(seconds):
            raise Cancelled

    def advance(self, progress: float) -> None:
        """Report progress, 0 to 1, inside the work.

        Raises
        ------
        Cancelled
            If the job was cancelled.
        """
        if self.cancelled:
            raise Cancelled
        previous, self.progress = self.progress, progress
        if previous is None or abs(progress - previous) >= 0.01 or progress >= 1.0:
            self.report()


class Jobs:
    """The background jobs of one owner.

    Parameters
    ----------
    deliver : callable
        Takes functions and calls them on the owner's thread, in order.
    """

    changed = Signal()
    """A job has begun, advanced or ended; emitted on the owner's thread."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._lanes: dict[str, _Lane] = {}
        self._jobs: list[Job] = []
        self._closed = False

    @property
    def running(self) -> list[Job]:
        """Jobs that are not finished or cancelled, the oldest first."""
        return [job for job in self._jobs if not job.finished and not job.cancelled]

    def start(
        self,
        lane: str,
        work: Callable[[Job], Any],
        *,
        title: str = "",
        key: Hashable | None = None,
        urgency: int = 0,
        each: Callable[[Any], None] | None = None,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[str], None] | None = None,
    ) -> Job:
        """Start a job. Call it on the owner's thread.

        Parameters
        ----------
        lane : str
            Jobs of one lane run on one thread.
        work : callable
            Takes the job. A plain function returns its result; a generator yields parts of it and may return a result
            too.
        title : str
            Shown to the user while the job runs.
        key : hashable, optional
            Running jobs with the same key are cancelled.
        urgency : int
            Higher runs first, also between the parts of a job that already runs in the lane.
        each, done, failed : callable, optional
            Called on the owner's thread with each part, the result, or the sentence of an error.
        """
        if key is not None:
            self.cancel(key)
        job = Job(title, lane, key, urgency, work, each, done, failed, lambda: self._deliver(self.changed.emit))
        if self._closed:
            job.cancel()
            return job
        self._jobs = [*self.running, job]
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(lane, self._deliver, self.changed.emit)
        self._lanes[lane].put(job)
        self.changed.emit()
        return job

    def cancel(self, key: Hashable) -> None:
        """Cancel the running jobs with a key."""
        for job in self.running:
            if job.key == key:
                job.cancel()

    def stop(self, job: Job) -> None:
        """Cancel a job for the user, and emit `changed`."""
        job.cancel()
        self.changed.emit()

    def close(self) -> None:
        """Cancel all jobs and wait for the lanes to end; a job started later is cancelled at once."""
        self._closed = True
        for job in self.running:
            job.cancel()
        for lane in self._lanes.values():
            lane.close()


class _Lane:
    """One thread, and its queue of jobs in order of urgency."""

    def __init__(self, name: str, deliver: Deliver, report: Callable[[], None]) -> None:
        self._deliver = deliver
        self._report = report
        self._waiting: list[tuple[int, int, Job]] = []
        self._count = itertools.count()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"auralscope-{name}", daemon=True)
        self._thread.start()

    def put(self, job: Job, order: int | None = None) -> None:
        with self._wake:
            heapq.heappush(self._waiting, (-job.urgency, next(self._count) if order is None else order, job))
            self._wake.notify()

    def close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                _, order, job = heapq.heappop(self._waiting)
            if self._step(job):
                self.put(job, order)  # in its old place among jobs of the same urgency
            del job  # a waiting lane must not keep a model or a recording alive

    def _step(self, job: Job) -> bool:
        """Run one part of a job; return whether more parts follow."""
        if job.cancelled:
            self._end(job, None)
            return False
        try:
            if job._steps is None:
                result = job.work(job)
                if isinstance(result, GeneratorType):
                    job._steps = result
                    return True
                self._end(job, job.done, result)
                return False
            part = next(job._steps)
            self._give(job, job.each, part)
        except StopIteration as end:
            self._end(job, job.done, end.value)
        except Cancelled:
            self._end(job, None)
        except AuralScopeError as failure:
            self._end(job, job.failed, str(failure))
        except Exception as failure:  # a lane must survive any job
            log.exception("%s failed", job.title or job.lane)
            self._end(job, job.failed, f"{job.title or 'Background work'} failed. {report_bug(failure)}")
        else:
            return True
        return False

    def _give(self, job: Job, receiver: Callable[[Any], None] | None, value: Any) -> None:
        if receiver is not None:
            self._deliver(lambda: None if job.cancelled else receiver(value))

    def _end(self, job: Job, receiver: Callable[[Any], None] | None, value: Any = None) -> None:
        if job._steps is not None and hasattr(job._steps, "close"):
            job._steps.close()

        def end() -> None:
            job.finished = True
            if receiver is not None and not job.cancelled:
                receiver(value)
            self._report()

        self._deliver(end)


class Inbox:
    """Delivery for an owner without an event loop, such as a test or a script."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def deliver(self, call: Callable[[], None]) -> None:
        self._queue.put(call)

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Deliver on this thread until the condition holds; return False after a timeout."""
        import time

        deadline = time.monotonic() + timeout_s
        while not condition():
            try:
                self._queue.get(timeout=max(deadline - time.monotonic(), 0.0))()
            except queue.Empty:
                return condition()
        return True
