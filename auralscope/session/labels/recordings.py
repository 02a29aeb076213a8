"""What many recordings say of a model: labels that go with the kernels of its first layer, and a map of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.session.labels.state import LANE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from auralscope.nn.analysis.first_layer import Kernel
    from auralscope.nn.analysis.recordings import MapPoint
    from auralscope.nn.loaded import Model
    from auralscope.session.jobs import Job
    from auralscope.session.labels.state import Labels
    from auralscope.session.session import Session


def _of_recordings(files: Sequence[Path]) -> str:
    return "a recording" if len(files) == 1 and not files[0].is_dir() else "recordings"


class Kernels:
    """The kernels of the first layer, what they answer to, and the labels that go with them.

    Attributes
    ----------
    kernels : list of Kernel
        Empty until they are described.
    affinity : (units, labels) array or None
        Over the recordings that were chosen last.
    unreadable : list of str
        A sentence for each of those that could not be read.
    problem : str
        Why something is not there.
    """

    changed = Signal()

    def __init__(self, session: Session, labels: Labels) -> None:
        self._session = session
        self._labels = labels
        self._model: Model | None = None
        self.kernels: list[Kernel] = []
        self.affinity: NDArray[np.float64] | None = None
        self.recordings = 0
        self.unreadable: list[str] = []
        self.problem = ""

    def describe(self) -> None:
        """Describe the kernels of the session's model, unless that was done."""
        model = self._session.model
        if model is None or model is self._model:
            return
        self._model = model
        self.kernels, self.affinity, self.recordings, self.unreadable, self.problem = [], None, 0, [], ""
        self._session.jobs.cancel("kernels' labels")
        self.changed.emit()

        def work(_job: Job) -> list[Kernel]:
            from auralscope.nn.analysis.first_layer import first_layer_kernels

            return first_layer_kernels(model)

        def described(kernels: list[Kernel]) -> None:
            self.kernels = kernels
            self.changed.emit()

        self._session.jobs.start(
            LANE, work, title="Playing test sounds to the first layer", key="kernels", done=described,
            failed=self._failed,
        )  # fmt: skip

    def correlate(self, files: Sequence[Path]) -> None:
        """Find the labels that go with each kernel over some recordings, or folders of them."""
        model = self._model
        if model is None:
            return
        unreadable: list[str] = []

        def hear(job: Job) -> tuple[NDArray[np.float64], int]:
            from auralscope.nn.analysis.recordings import label_affinity, recording_responses

            heard = list(recording_responses(model, files, model.layers[0], job.advance, unreadable))
            return label_affinity(heard), len(heard)

        def heard(found: tuple[NDArray[np.float64], int]) -> None:
            (self.affinity, self.recordings), self.unreadable, self.problem = found, unreadable, ""
            self.changed.emit()

        self._session.jobs.start(
            LANE, hear, title=f"Listening to {_of_recordings(files)}", key="kernels' labels", done=heard,
            failed=self._failed,
        )  # fmt: skip

    def _failed(self, sentence: str) -> None:
        self.problem = sentence
        self.changed.emit()

    def labels_of(self, unit: int) -> list[tuple[str, float]]:
        """Labels with their correlation to a unit, the highest first; those that never change are left out."""
        if self.affinity is None or self._model is None:
            return []
        found = zip(self._model.labels, self.affinity[unit].tolist(), strict=True)
        return sorted(((label, value) for label, value in found if value == value), key=lambda pair: -pair[1])

    def unit_name(self, unit: int) -> str:
        """`1-7`: the first layer is the first."""
        from auralscope.types import unit_name

        return unit_name(1, unit)

    def choose_unit(self, unit: int) -> None:
        """Make a kernel's unit the one that is heard."""
        if self._model is not None:
            self._labels.choose_layer_unit(self._model.layers[0], unit)


class RecordingMap:
    """Recordings in two dimensions, by the features from which the model makes its labels.

    Attributes
    ----------
    points : list of MapPoint
    unreadable : list of str
        A sentence for each recording that could not be read.
    problem : str
        Why there is no map.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self._model: Model | None = None
        self._to_play: Path | None = None
        self.points: list[MapPoint] = []
        self.unreadable: list[str] = []
        self.problem = ""
        session.model_changed.connect(self._model_changed)
        session.recording_changed.connect(self._opened)

    def _model_changed(self) -> None:
        if self._session.model is not self._model:
            self._session.jobs.cancel("map")
            self.points, self.unreadable, self.problem = [], [], ""
            self.changed.emit()

    def lay_out(self, files: Sequence[Path]) -> None:
        """Make a map of some recordings, or of folders of them; the one before stays until it is there."""
        model = self._session.model
        if model is None:
            return
        unreadable: list[str] = []

        def lay_out(job: Job) -> list[MapPoint]:
            from auralscope.nn.analysis.recordings import recording_responses, recordings_map

            heard = list(recording_responses(model, files, model.feature_layer, job.advance, unreadable))
            return recordings_map(model, heard)

        def laid_out(points: list[MapPoint]) -> None:
            self._model, self.points, self.unreadable, self.problem = model, points, unreadable, ""
            self.changed.emit()

        def failed(sentence: str) -> None:
            self.problem = " ".join([sentence, *unreadable[:1]])
            self.changed.emit()

        self._session.jobs.start(
            LANE, lay_out, title=f"Listening to {_of_recordings(files)}", key="map", done=laid_out, failed=failed
        )

    def play_when_opened(self, file: Path) -> None:
        """Play a recording as soon as it is open."""
        self._to_play = file

    def _opened(self) -> None:
        clip, listening = self._session.clip, self._session.listening
        if clip is not None and clip.source is not None and clip.source == self._to_play:
            listening.set_source("original")
            if listening.player.state != "playing":
                listening.play_or_pause()
        self._to_play = None
