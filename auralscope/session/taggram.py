"""Tags over time, a 'taggram': what a model says of windows that overlap, along a whole recording."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from psygnal import Signal

from auralscope.files import write_aside
from auralscope.types import Scores

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from auralscope.nn.loaded import Model
    from auralscope.session.jobs import Job
    from auralscope.session.session import Session
    from auralscope.types import Clip

By = Literal["mean", "highest"]
OVERLAPS = (0.5, 0.75, 0.9)
"""Shares of a window that it may have in common with the next one."""

TOPS = (0.1, 0.2, 0.3, 0.5, 1.0)
"""Round probabilities at which colours and curves may end."""


@dataclass(frozen=True, eq=False)
class TagsOverTime:
    """The labels' probabilities along a recording, as far as they are computed.

    Attributes
    ----------
    scores : Scores
        The windows that are there, from the beginning on.
    starts_s : (windows,) float64 array
        Where all windows begin, also those that are not there yet.
    window_s : float
        Length of a window; where the recording is shorter, silence follows it.
    duration_s : float
        Of the recording.
    """

    scores: Scores
    starts_s: NDArray[np.float64]
    window_s: float
    duration_s: float

    @property
    def labels(self) -> tuple[str, ...]:
        return self.scores.labels

    @property
    def n_there(self) -> int:
        """Windows that are there."""
        return len(self.scores.values)

    @property
    def complete(self) -> bool:
        """Whether all windows are there."""
        return self.n_there == len(self.starts_s)

    @cached_property
    def edges_s(self) -> NDArray[np.float64]:
        """(windows there + 1,): a moment stands for the window whose middle is nearest; here one follows another.

        The first window also stands for what lies before its middle, and the last for what lies behind.
        """
        middles = self.starts_s + self.window_s / 2
        between = (middles[1:] + middles[:-1]) / 2
        return np.array([0.0, *between, self.duration_s])[: self.n_there + 1]

    @cached_property
    def top(self) -> float:
        """The round probability, 1 at most, up to which all values go; for colours and curves."""
        highest = float(self.scores.values.max()) if self.n_there else 1.0
        return next((top for top in TOPS if highest <= top), 1.0)

    def windows_at(self, times_s: NDArray[np.float64]) -> NDArray[np.intp]:
        """The window that stands for each of some times; -1 where it is not there (yet)."""
        windows = np.searchsorted(self.edges_s, times_s, side="right") - 1
        # The end of the recording belongs to the last window.
        windows = np.where(times_s == self.duration_s, len(self.starts_s) - 1, windows)
        return np.where((windows < self.n_there) & (times_s <= self.duration_s), windows, -1)

    def curve(self, label: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """A label's probability as a line: times in seconds, and values, at the middles of the windows and the ends."""
        edges_s, values = self.edges_s, self.scores.values[:, label]
        middles_s = (self.starts_s + self.window_s / 2)[: self.n_there]
        # A window longer than the recording has its middle anywhere.
        times_s = np.clip(np.array([edges_s[0], *middles_s, edges_s[-1]]), 0.0, edges_s[-1])
        return times_s, np.array([values[0], *values, values[-1]])

    def ranked(self, by: By = "mean") -> list[int]:
        """Labels, as numbers, by their mean or their highest probability, the largest first."""
        values = self.scores.values
        height = values.mean(axis=0) if by == "mean" else values.max(axis=0)
        order: list[int] = np.argsort(-height, kind="stable").tolist()
        return order

    def csv(self) -> bytes:
        """A table: a window a line, with where it begins and ends, and a column a label."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["start_s", "end_s", *self.labels])
        for start_s, row in zip(self.scores.times_s, self.scores.values, strict=True):
            end_s = min(start_s + self.window_s, self.duration_s)
            writer.writerow([f"{start_s:.4f}", f"{end_s:.4f}", *(f"{value:.6f}" for value in row)])
        return text.getvalue().encode()


class Taggram:
    """Computes tags over time while they are wanted, in the background, and knows which curves are shown.

    Called and signalled on the session's thread.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    tags : TagsOverTime or None
        What is there of the session's recording and model; None before the first windows.
    overlap : float
        Share of a window that it has in common with the next.
    curves : dict of int to int
        Labels whose curves are shown, in the order in which they were chosen, and a number for each that it keeps
        while it is shown, for its colour.
    """

    changed = Signal()
    """Windows came, or went, or the work on them began or ended."""
    curves_changed = Signal()

    KEY = "taggram"

    def __init__(self, session: Session) -> None:
        self._session = session
        self._model: Model | None = None
        self._clip: Clip | None = None
        self._job: Job | None = None
        self._was_busy = False
        self.active = False
        self.overlap = 0.75
        self.tags: TagsOverTime | None = None
        self.curves: dict[int, int] = {}
        session.recording_changed.connect(self._begin)
        session.model_changed.connect(self._begin)
        session.jobs.changed.connect(self._watch)

    @property
    def busy(self) -> bool:
        """Whether windows are being computed."""
        return self._job is not None and not (self._job.finished or self._job.cancelled)

    @property
    def unfinished(self) -> bool:
        """Whether windows are missing that nobody computes: the work was cancelled, or failed."""
        ready = self._session.model is not None and self._session.clip is not None
        return ready and not self.busy and not (self.tags is not None and self.tags.complete)

    def set_active(self, active: bool) -> None:
        """Somebody looks at it, or nobody does; what is there stays."""
        self.active = active
        if not active:
            self._stop()
        elif self.unfinished:
            self.go_on()
        self.curves_changed.emit()

    def set_overlap(self, overlap: float) -> None:
        """Begin again with other windows."""
        if overlap != self.overlap:
            self.overlap = overlap
            self._forget()
            self._go_on_if_active()

    def go_on(self) -> None:
        """Compute the windows that are missing."""
        model, clip = self._session.model, self._session.clip
        if model is None or clip is None:
            return
        window_s = model.front_end.window_s
        starts_s = model.window_starts_s(clip, hop_s=(1.0 - self.overlap) * window_s)
        first = self.tags.n_there if self.tags is not None else 0
        values = np.zeros((len(starts_s), len(model.labels)), np.float32)  # filled from above
        if self.tags is not None:
            values[:first] = self.tags.scores.values

        def score(job: Job) -> Iterator[Scores]:
            done = first
            for scores in model.predict_at(clip, starts_s[first:]):
                yield scores
                done += len(scores.values)
                job.advance(done / len(starts_s))

        def add(new: Scores) -> None:
            begin = self.tags.n_there if self.tags is not None else 0
            end = begin + len(new.values)
            values[begin:end] = new.values
            scores = Scores(values[:end], starts_s[:end], new.labels)
            self.tags = TagsOverTime(scores, starts_s, window_s, clip.duration_s)
            self.changed.emit()
            self.curves_changed.emit()

        self._job = self._session.jobs.start(
            "model",
            score,
            title="Tags over time",
            key=self.KEY,
            urgency=-1,  # a gallery that is being looked at goes first
            each=add,
            failed=self._session.problem.emit,
        )
        self._watch()

    def toggle_curve(self, label: int) -> None:
        """Show a label's curve, or show it no longer."""
        if self.curves.pop(label, None) is None:
            taken = set(self.curves.values())
            self.curves[label] = next(number for number in range(len(taken) + 1) if number not in taken)
        self.curves_changed.emit()

    def clear_curves(self) -> None:
        """Show no curve."""
        self.curves = {}
        self.curves_changed.emit()

    def save(self, path: Path) -> None:
        """Write the windows that are there as CSV."""
        tags = self.tags
        if tags is not None:
            self._session.write(path, lambda: write_aside(path, tags.csv()))

    def _begin(self) -> None:
        """Another recording, another model, or both as they were (another model that could not be loaded)."""
        session = self._session
        if session.model is self._model and session.clip is self._clip:
            return
        labels = self._model.labels if self._model is not None else ()
        if session.model is not None and session.model.labels != labels:
            self.curves = {}
        self._model, self._clip = session.model, session.clip
        self._forget()
        self._go_on_if_active()

    def _go_on_if_active(self) -> None:
        if self.active:
            self.go_on()

    def _stop(self) -> None:
        self._session.jobs.cancel(self.KEY)
        self._watch()

    def _watch(self) -> None:
        """The work began, ended, or was cancelled, maybe by the user."""
        if self.busy != self._was_busy:
            self._was_busy = self.busy
            self.changed.emit()

    def _forget(self) -> None:
        self.tags = None
        self._stop()
        self.changed.emit()
        self.curves_changed.emit()
