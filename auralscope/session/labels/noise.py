"""Rate the labels of the ground truth, and the model's scores of them, label by label."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.audio.files import load_clip
from auralscope.files import quoted
from auralscope.session.labels.state import LANE
from auralscope.wording import estimate

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from auralscope.labels.noise import LabelNoise
    from auralscope.labels.quality import LabelQuality
    from auralscope.nn.loaded import Model
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.labels.state import Labels


@dataclass(frozen=True)
class Quality:
    """The figures of one label.

    Attributes
    ----------
    label, category : str
    popularity : int
        Tracks of the ground truth that have the label.
    tagability : float
        Recall of the ground truth (Choi 2018, sec. 3.2.2); NaN if nobody listened again.
    value, low, high : float
        The model's AUC, or without one the ground truth's precision, with its 95 % interval; NaN if undefined.
    sentence : str
    """

    label: str
    category: str
    popularity: int
    tagability: float
    value: float
    low: float
    high: float
    sentence: str


class Noise:
    """Label noise of the ground truth, and the model's AUC over it.

    Attributes
    ----------
    qualities : list of Quality
    what : str
        Meaning of `Quality.value`: "AUC" or "Precision".
    about : str
        A sentence about all labels.
    problem : str
        Reason why something is missing, or empty.
    """

    changed = Signal()
    """Labels were rated, or could not be rated, or the ratings were dropped."""

    def __init__(self, jobs: Jobs, labels: Labels) -> None:
        self._jobs = jobs
        self._labels = labels
        self._clear()

    def _clear(self) -> None:
        self._noise_file: Path | None = None
        self._scored: Path | None = None
        self.qualities: list[Quality] = []
        self.what = "AUC"
        self.about = ""
        self.problem = ""

    @property
    def has_truth(self) -> bool:
        """Whether there is a ground truth to rate."""
        return bool(self._labels.truth_files)

    def set_model(self, _model: Model) -> None:
        """Drop the ratings of the previous model."""
        self._jobs.cancel("label noise")
        self._clear()
        self.changed.emit()

    def load_judgements(self, file: Path) -> None:
        """Rate the ground truth by a CSV file of judgements of people who listened again."""
        self._measure(file, self._scored, file)

    def rate(self, scored: Path) -> None:
        """Rate the model's scores of the ground truth's tracks, from a file or a folder of recordings."""
        self._measure(self._noise_file, scored, scored)

    def _measure(self, noise_file: Path | None, scored: Path | None, named: Path) -> None:
        model, truth_files = self._labels.model, self._labels.truth_files
        if model is None:
            return

        def predict(file: Path) -> NDArray[np.floating]:
            return model.predict(load_clip(file)).mean

        def measure(job: Job) -> tuple[list[Quality], str, str]:
            from auralscope.labels.quality import label_quality

            found = label_quality(
                model.labels,
                predict,
                noise_file=noise_file,
                scored=scored,
                truth_files=truth_files,
                progress=job.advance,
            )
            return rows_of(found)

        def measured(found: tuple[list[Quality], str, str]) -> None:
            self._noise_file, self._scored = noise_file, scored
            (self.qualities, self.what, self.about), self.problem = found, ""
            self.changed.emit()

        def failed(sentence: str) -> None:
            self.problem = sentence
            self.changed.emit()

        title = f"Rating labels by {quoted(named.name)}"
        self._jobs.start(LANE, measure, title=title, key="label noise", done=measured, failed=failed)


def rows_of(found: LabelQuality) -> tuple[list[Quality], str, str]:
    """Return the figures of each label, the meaning of their values, and a sentence about all labels."""
    from auralscope.labels.categories import category

    if not found.tags:
        rows = [
            Quality(
                one.checked.label,
                category(one.checked.label),
                one.checked.positives,
                one.recall.value,
                *one.precision,
                f"{one.checked.label}: {_noise_sentence(one)}",
            )
            for one in found.noise
        ]
        return rows, "Precision", f"{len(rows)} labels that were listened to again; bars are 95 % intervals."
    noise = {one.checked.label: f"; {_noise_sentence(one)}" for one in found.noise}
    rows = [
        Quality(
            one.label,
            one.category,
            one.tracks,
            one.tagability,
            one.auc,
            one.low,
            one.high,
            f"{one.label}: AUC {estimate(one.auc, one.low, one.high)}, {one.tracks:,} tracks{noise.get(one.label, '')}",
        )
        for one in found.tags
    ]
    return rows, "AUC", f"{found.tracks:,} tracks, mean AUC {found.mean_auc:.3f}; bars are 95 % intervals."


def _noise_sentence(one: LabelNoise) -> str:
    corrected = "–" if math.isnan(one.corrected.value) else f"{one.corrected.value:,.0f}"
    return (
        f"precision {estimate(*one.precision)}, tagability {estimate(*one.recall)}; "
        f"{one.checked.positives:,} tracks have it, {corrected} should"
    )
