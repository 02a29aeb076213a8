"""Compute tags over time, a 'taggram': a model's scores of overlapping windows along a whole recording."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
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
    from auralscope.session.jobs import Job, Jobs
    from auralscope.types import Clip

By = Literal["mean", "highest"]
OVERLAPS = (0.5, 0.75, 0.9)
"""Choices for the share of a window that overlaps the next one."""

TOPS = (0.1, 0.2, 0.3, 0.5, 1.0)
"""Choices for the upper end of colours and curves, a probability."""


@dataclass(frozen=True, eq=False)
class TagsOverTime:
    """The labels' probabilities along a recording, as far as they are computed.

    Attributes
    ----------
    scores : Scores
        The windows computed so far, from the first on.
    starts_s : (windows,) float64 array
        Starts of all windows, computed or not.
    window_s : float
        Length of a window; silence follows a recording that is shorter.
    duration_s : float
        Length of the recording.
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
        """Number of windows computed so far."""
        return len(self.scores.values)

    @property
    def complete(self) -> bool:
        """Whether all windows are computed."""
        return self.n_there == len(self.starts_s)

    @cached_property
    def edges_s(self) -> NDArray[np.float64]:
        """Edges of the stretches that windows are drawn over, (computed windows + 1,): each moment has the window with
        the nearest middle, so the first and the last window reach to the ends of the recording.
        """
        middles = self.starts_s + self.window_s / 2
        between = (middles[1:] + middles[:-1]) / 2
        return np.array([0.0, *between, self.duration_s])[: self.n_there + 1]

    @cached_property
    def top(self) -> float:
        """The lowest of `TOPS` that no value exceeds, the upper end of colours and curves."""
        highest = float(self.scores.values.max()) if self.n_there else 1.0
        return next((top for top in TOPS if highest <= top), 1.0)

    def windows_at(self, times_s: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the window drawn at each of some times; -1 for a window that is not computed."""
        windows = np.searchsorted(self.edges_s, times_s, side="right") - 1
        # The end of the recording belongs to the last window.
        windows = np.where(times_s == self.duration_s, len(self.starts_s) - 1, windows)
        return np.where((windows < self.n_there) & (times_s <= self.duration_s), windows, -1)

    def curve(self, label: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return a label's curve: times in seconds and probabilities, at the middles of the windows and at the ends."""
        edges_s, values = self.edges_s, self.scores.values[:, label]
        middles_s = (self.starts_s + self.window_s / 2)[: self.n_there]
        # The middle of a window longer than the recording may lie behind its end.
        times_s = np.clip(np.array([edges_s[0], *middles_s, edges_s[-1]]), 0.0, edges_s[-1])
        return times_s, np.array([values[0], *values, values[-1]])

    def ranked(self, by: By = "mean") -> list[int]:
        """Rank the labels, as numbers, by their mean or their highest probability, the largest first."""
        values = self.scores.values
        height = values.mean(axis=0) if by == "mean" else values.max(axis=0)
        order: list[int] = np.argsort(-height, kind="stable").tolist()
        return order

    def csv(self) -> bytes:
        """Return a CSV table with a line for each window, its start and end, and a column for each label."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["start_s", "end_s", *self.labels])
        for start_s, row in zip(self.scores.times_s, self.scores.values, strict=True):
            end_s = min(start_s + self.window_s, self.duration_s)
            writer.writerow([f"{start_s:.4f}", f"{end_s:.4f}", *(f"{value:.6f}" for value in row)])
        return text.getvalue().encode()


class Taggram:
    """Tags over time, computed in the background while they are shown, and the labels whose curves are shown.

    Attributes
    ----------
    tags : TagsOverTime or None
        What is computed for the recording and the model; None before the first windows.
    overlap : float
        Share of a window that overlaps the next one.
    curves : dict of int to int
        Labels whose curves are shown, in the order in which they were chosen, each with a number for its colour that
        it keeps while it is shown.
    active : bool
        Whether tags are shown, and so computed.
    """

    changed = Signal()
    """Windows were added or dropped, or the work on them began or ended."""
    curves_changed = Signal()
    """Other curves are shown, or the values of those shown have changed."""

    KEY = "taggram"

    def __init__(
        self, jobs: Jobs, write: Callable[[Path, Callable[[], None]], None], problem: Callable[[str], None]
    ) -> None:
        self._jobs = jobs
        self._write = write
        self._problem = problem
        self._model: Model | None = None
        self._clip: Clip | None = None
        self._job: Job | None = None
        self._was_busy = False
        self.active = False
        self.overlap = 0.75
        self.tags: TagsOverTime | None = None
        self.curves: dict[int, int] = {}
        jobs.changed.connect(self._watch)

    @property
    def busy(self) -> bool:
        """Whether windows are being computed."""
        return self._job is not None and not (self._job.finished or self._job.cancelled)

    @property
    def unfinished(self) -> bool:
        """Whether windows are missing and no job computes them, because it was cancelled or failed."""
        ready = self._model is not None and self._clip is not None
        return ready and not self.busy and not (self.tags is not None and self.tags.complete)

    def set_active(self, active: bool) -> None:
        """Begin or stop computing; windows that are computed stay."""
        self.active = active
        if not active:
            self._stop()
        elif self.unfinished:
            self.go_on()
        self.curves_changed.emit()

    def set_recording(self, clip: Clip) -> None:
        """Begin again with another recording."""
        self._clip = clip
        self._begin_again()

    def set_model(self, model: Model) -> None:
        """Begin again with another model; curves stay if it has the same labels."""
        if self._model is None or model.labels != self._model.labels:
            self.curves = {}
        self._model = model
        self._begin_again()

    def set_overlap(self, overlap: float) -> None:
        """Begin again with another overlap."""
        if overlap != self.overlap:
            self.overlap = overlap
            self._begin_again()

    def go_on(self) -> None:
        """Compute the windows that are missing."""
        model, clip = self._model, self._clip
        if model is None or clip is None:
            return
        window_s = model.front_end.window_s
        starts_s = model.window_starts_s(clip, hop_s=(1.0 - self.overlap) * window_s)
        first = self.tags.n_there if self.tags is not None else 0
        values = np.zeros((len(starts_s), len(model.labels)), np.float32)  # filled from the first window on
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

        self._job = self._jobs.start(
            "model",
            score,
            title="Tags over time",
            key=self.KEY,
            urgency=-1,  # after the gallery
            each=add,
            failed=self._problem,
        )
        self._watch()

    def toggle_curve(self, label: int) -> None:
        """Show or hide a label's curve."""
        if self.curves.pop(label, None) is None:
            taken = set(self.curves.values())
            self.curves[label] = next(number for number in range(len(taken) + 1) if number not in taken)
        self.curves_changed.emit()

    def save(self, path: Path) -> None:
        """Write the windows computed so far as CSV."""
        tags = self.tags
        if tags is not None:
            self._write(path, lambda: write_aside(path, tags.csv()))

    def _begin_again(self) -> None:
        self.tags = None
        self._stop()
        self.changed.emit()
        self.curves_changed.emit()
        if self.active:
            self.go_on()

    def _stop(self) -> None:
        self._jobs.cancel(self.KEY)
        self._watch()

    def _watch(self) -> None:
        """Notice that the work began, ended or was cancelled."""
        if self.busy != self._was_busy:
            self._was_busy = self.busy
            self.changed.emit()
