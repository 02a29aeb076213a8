"""Analyse many recordings: labels that go with the kernels of the first layer, and a map of the recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.session.labels.state import LANE
from auralscope.types import unit_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from auralscope.nn.analysis.first_layer import Kernel
    from auralscope.nn.analysis.recordings import MapPoint
    from auralscope.nn.loaded import Model
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.listening import Listening
    from auralscope.types import Clip


def _listening_to(files: Sequence[Path]) -> str:
    return f"Analysing {'a recording' if len(files) == 1 and not files[0].is_dir() else 'recordings'}"


class Kernels:
    """The kernels of the first layer, the patterns they respond to, and the labels that go with them.

    Attributes
    ----------
    kernels : list of Kernel
        Empty until `describe` is done.
    affinity : (units, labels) array or None
        Correlation of units and labels over the recordings that were chosen last.
    recordings : int
        Number of those recordings.
    unreadable : list of str
        A sentence for each recording that could not be read.
    problem : str
        Reason why something is missing, or empty.
    """

    changed = Signal()
    """An attribute has changed."""

    def __init__(self, jobs: Jobs, choose_layer_unit: Callable[[str, int], None]) -> None:
        self._jobs = jobs
        self._choose_layer_unit = choose_layer_unit
        self._model: Model | None = None
        self._described = False
        self._clear()

    def _clear(self) -> None:
        self.kernels: list[Kernel] = []
        self.affinity: NDArray[np.float64] | None = None
        self.recordings = 0
        self.unreadable: list[str] = []
        self.problem = ""

    def set_model(self, model: Model) -> None:
        """Drop the kernels of the previous model."""
        self._jobs.cancel("kernels")
        self._jobs.cancel("kernels' labels")
        self._model, self._described = model, False
        self._clear()
        self.changed.emit()

    def describe(self) -> None:
        """Describe the model's kernels, once, by their response to test sounds."""
        model = self._model
        if model is None or self._described:
            return
        self._described = True

        def work(_job: Job) -> list[Kernel]:
            from auralscope.nn.analysis.first_layer import first_layer_kernels

            return first_layer_kernels(model)

        def described(kernels: list[Kernel]) -> None:
            self.kernels = kernels
            self.changed.emit()

        title = "Analysing test sounds in the first layer"
        self._jobs.start(LANE, work, title=title, key="kernels", done=described, failed=self._failed)

    def correlate(self, files: Sequence[Path]) -> None:
        """Correlate kernels and labels over recordings, or folders of them."""
        model = self._model
        if model is None:
            return
        unreadable: list[str] = []

        def work(job: Job) -> tuple[NDArray[np.float64], int]:
            from auralscope.nn.analysis.recordings import label_affinity, recording_responses

            responses = list(recording_responses(model, files, model.layers[0], job.advance, unreadable))
            return label_affinity(responses), len(responses)

        def correlated(found: tuple[NDArray[np.float64], int]) -> None:
            (self.affinity, self.recordings), self.unreadable, self.problem = found, unreadable, ""
            self.changed.emit()

        title = _listening_to(files)
        self._jobs.start(LANE, work, title=title, key="kernels' labels", done=correlated, failed=self._failed)

    def _failed(self, sentence: str) -> None:
        self.problem = sentence
        self.changed.emit()

    def labels_of(self, unit: int) -> list[tuple[str, float]]:
        """Return labels with their correlation to a unit, the highest first, without undefined ones."""
        if self.affinity is None or self._model is None:
            return []
        found = zip(self._model.labels, self.affinity[unit].tolist(), strict=True)
        return sorted(((label, value) for label, value in found if value == value), key=lambda pair: -pair[1])

    def unit_name(self, unit: int) -> str:
        """Return the name of a unit of the first layer, such as `1-7`."""
        return unit_name(1, unit)

    def choose_unit(self, unit: int) -> None:
        """Choose a unit of the first layer and play its sound."""
        if self._model is not None:
            self._choose_layer_unit(self._model.layers[0], unit)


class RecordingMap:
    """A map of recordings in two dimensions, by the features from which the model computes its labels.

    Attributes
    ----------
    points : list of MapPoint
    unreadable : list of str
        A sentence for each recording that could not be read.
    problem : str
        Reason why there is no map, or empty.
    """

    changed = Signal()
    """A map was laid out or dropped, or could not be laid out."""

    def __init__(self, jobs: Jobs, listening: Listening) -> None:
        self._jobs = jobs
        self._listening = listening
        self._model: Model | None = None
        self._to_play: Path | None = None
        self.points: list[MapPoint] = []
        self.unreadable: list[str] = []
        self.problem = ""

    def set_model(self, model: Model) -> None:
        """Drop the map of the previous model."""
        self._jobs.cancel("map")
        self._model = model
        self.points, self.unreadable, self.problem = [], [], ""
        self.changed.emit()

    def lay_out(self, files: Sequence[Path]) -> None:
        """Lay out a map of recordings, or folders of them; the one before stays until it is done."""
        model = self._model
        if model is None:
            return
        unreadable: list[str] = []

        def work(job: Job) -> list[MapPoint]:
            from auralscope.nn.analysis.recordings import recording_responses, recordings_map

            responses = recording_responses(model, files, model.feature_layer, job.advance, unreadable)
            return recordings_map(model, list(responses))

        def laid_out(points: list[MapPoint]) -> None:
            self.points, self.unreadable, self.problem = points, unreadable, ""
            self.changed.emit()

        def failed(sentence: str) -> None:
            self.problem = " ".join([sentence, *unreadable[:1]])
            self.changed.emit()

        self._jobs.start(LANE, work, title=_listening_to(files), key="map", done=laid_out, failed=failed)

    def play_when_opened(self, file: Path) -> None:
        """Play a recording as soon as it is open."""
        self._to_play = file

    def opened(self, clip: Clip) -> None:
        """Play the recording that was opened, if `play_when_opened` asked for it."""
        if clip.source is not None and clip.source == self._to_play:
            self._listening.set_source("original")
            if self._listening.player.state != "playing":
                self._listening.play_or_pause()
        self._to_play = None
