"""Background work: lanes of one thread each, progress, cancel, and nothing delivered that was overtaken.

A lane does one thing at a time. Work that is long is a generator: after each `yield` the lane looks for something
more urgent, so a click is answered in the middle of a gallery. Whatever a job gives is delivered on the owner's
thread, through the function the owner handed in.
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

from auralscope.errors import AuralScopeError

log = logging.getLogger(__name__)

Deliver = Callable[[Callable[[], None]], None]


class Cancelled(Exception):  # noqa: N818
    """Raised inside a job's work to leave it after it was cancelled."""


@dataclass(eq=False)
class Job:
    """One piece of background work.

    Attributes
    ----------
    title : str
        For people; jobs without a title are not shown.
    lane : str
    key : hashable, optional
        Starting another job with the same key cancels this one.
    progress : float or None
        0 to 1, or None while unknown.
    finished : bool
        Done, failed or cancelled.
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
        """Ask the work to stop; from now on nothing of it is delivered."""
        self._cancelled.set()

    def rest(self, seconds: float) -> None:
        """Called by the work: wait, in case it is not wanted for long.

        Raises
        ------
        Cancelled
            The job was cancelled in the meantime.
        """
        if self._cancelled.wait(seconds):
            raise Cancelled

    def advance(self, progress: float) -> None:
        """Called by the work: how far it is, 0 to 1.

        Raises
        ------
        Cancelled
            The job was cancelled in the meantime.
        """
        if self.cancelled:
            raise Cancelled
        previous, self.progress = self.progress, progress
        if previous is None or abs(progress - previous) >= 0.01 or progress >= 1.0:
            self.report()


class Jobs:
    """All background work of one owner.

    Parameters
    ----------
    deliver : callable
        Takes a function and calls it on the owner's thread, in order.
    """

    changed = Signal()
    """On the owner's thread: a job began, advanced or ended."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._lanes: dict[str, _Lane] = {}
        self._jobs: list[Job] = []
        self._closed = False

    @property
    def running(self) -> list[Job]:
        """Jobs that are not finished, the oldest first."""
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
        """Begin a piece of work; called on the owner's thread.

        Parameters
        ----------
        lane : str
            Work of one lane is done by one thread.
        work : callable
            Takes the job. A plain function gives its result; a generator function gives parts by `yield`, and its
            result by `return`.
        title : str
            Shown while it runs.
        key : hashable, optional
            A running job with the same key is cancelled.
        urgency : int
            Higher goes first, also between the parts of what already runs in the lane.
        each, done, failed : callable, optional
            On the owner's thread: with every part, with the result, with the sentence of an error.
        """
        if key is not None:
            self.cancel(key)
        job = Job(title, lane, key, urgency, work, each, done, failed, lambda: self._deliver(self._tell))
        if self._closed:
            job.cancel()
            return job
        self._jobs = [*self.running, job]
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(lane, self._deliver, self._tell)
        self._lanes[lane].put(job)
        self._tell()
        return job

    def cancel(self, key: Hashable) -> None:
        """Cancel what runs under a key."""
        for job in self.running:
            if job.key == key:
                job.cancel()

    def stop(self, job: Job) -> None:
        """Cancel a job because the user wishes so."""
        job.cancel()
        self._tell()

    def close(self) -> None:
        """Cancel everything and wait until the lanes have ended; what is started afterwards is cancelled at once."""
        self._closed = True
        for job in self.running:
            job.cancel()
        for lane in self._lanes.values():
            lane.close()

    def _tell(self) -> None:
        self.changed.emit()


class _Lane:
    """One thread, and what waits for it in order of urgency."""

    def __init__(self, name: str, deliver: Deliver, tell: Callable[[], None]) -> None:
        self._deliver = deliver
        self._tell = tell
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
                self.put(job, order)  # keeps its place among equals
            del job  # while the lane waits, nothing that a job holds (a model, a recording) is held by it

    def _step(self, job: Job) -> bool:
        """Do one part of a job; True if there is more."""
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
        except Exception as failure:  # a lane must survive what it runs; the user gets a sentence
            log.exception("%s failed", job.title or job.lane)
            self._end(job, job.failed, f"{job.title or 'Background work'} failed: {failure}")
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
            self._tell()

        self._deliver(end)


class Inbox:
    """Delivery for an owner without an event loop of its own: a test, a script, the command line."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def deliver(self, call: Callable[[], None]) -> None:
        self._queue.put(call)

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Make deliveries on this thread until the condition holds; False when time is up."""
        import time

        deadline = time.monotonic() + timeout_s
        while not condition():
            try:
                self._queue.get(timeout=max(deadline - time.monotonic(), 0.0))()
            except queue.Empty:
                return condition()
        return True
