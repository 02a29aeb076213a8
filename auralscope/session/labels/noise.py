"""How far the labels of a ground truth can be trusted, and how well the model knows them, label by label."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.files import quoted
from auralscope.session.labels.state import LANE

if TYPE_CHECKING:
    from pathlib import Path

    from auralscope.labels.noise import LabelNoise
    from auralscope.reports.label_quality import QualityReport
    from auralscope.session.jobs import Job
    from auralscope.session.labels.state import Labels
    from auralscope.session.session import Session


@dataclass(frozen=True)
class Quality:
    """What is known of one label.

    Attributes
    ----------
    label, category : str
    popularity : int
        Tracks of the ground truth that have it.
    tagability : float
        Recall of the ground truth (Choi 2018, sec. 3.2.2); NaN where nobody listened again.
    value, low, high : float
        The model's AUC, or where there is none the ground truth's precision, with its 95 % interval; NaN where
        undefined.
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
    """Label noise of the ground truth that is loaded, and the model's AUC over it.

    Attributes
    ----------
    qualities : list of Quality
    what : str
        What `Quality.value` is: AUC or precision.
    about : str
        What was measured.
    problem : str
        Why something is not there.
    """

    changed = Signal()

    def __init__(self, session: Session, labels: Labels) -> None:
        self._session = session
        self._labels = labels
        self._model = session.model
        self._noise_file: Path | None = None
        self._scored: Path | None = None
        self.qualities: list[Quality] = []
        self.what = "AUC"
        self.about = ""
        self.problem = ""
        session.model_changed.connect(self._forget)

    @property
    def has_truth(self) -> bool:
        """Whether there is a ground truth to rate."""
        return bool(self._labels.truth_files)

    def _forget(self) -> None:
        if self._session.model is self._model:
            return  # another could not be loaded
        self._model = self._session.model
        self._session.jobs.cancel("label noise")
        self._noise_file = self._scored = None
        self.qualities, self.about, self.problem = [], "", ""
        self.changed.emit()

    def load_judgements(self, file: Path) -> None:
        """Take what people heard who listened again: a CSV of tracks, or of counts."""
        self._measure(file, self._scored)

    def rate(self, scored: Path) -> None:
        """Rate the model's scores of the ground truth's tracks, from a file, or of a folder of recordings."""
        self._measure(self._noise_file, scored)

    def _measure(self, noise_file: Path | None, scored: Path | None) -> None:
        model, truth_files = self._session.model, self._labels.truth_files
        if model is None:
            return

        def measure(job: Job) -> tuple[list[Quality], str, str]:
            from auralscope.reports.label_quality import QualityReport

            report = QualityReport(
                model, noise_file=noise_file, scored=scored, truth_files=truth_files, progress=job.advance
            )
            return rows_of(report)

        def measured(found: tuple[list[Quality], str, str]) -> None:
            self._noise_file, self._scored = noise_file, scored
            (self.qualities, self.what, self.about), self.problem = found, ""
            self.changed.emit()

        def failed(sentence: str) -> None:
            self.problem = sentence
            self.changed.emit()

        named = scored or noise_file
        self._session.jobs.start(
            LANE,
            measure,
            title=f"Rating labels by {quoted(named.name)}" if named is not None else "",
            key="label noise",
            done=measured,
            failed=failed,
        )


def rows_of(report: QualityReport) -> tuple[list[Quality], str, str]:
    """What a report says of each label, what its values are, and a sentence on all of it."""
    from auralscope.labels.categories import category

    noise = {one.checked.label: one for one in report.noise}
    if not report.quality:
        rows = [
            Quality(
                label,
                category(label),
                one.checked.positives,
                one.recall.value,
                *one.precision,
                sentence=_noise_sentence(one),
            )
            for label, one in noise.items()
        ]
        return rows, "Precision", f"{len(rows)} labels that were listened to again; bars are 95 % intervals."
    rows = [
        Quality(
            one.label,
            one.category,
            one.tracks,
            one.tagability,
            one.auc,
            one.low,
            one.high,
            f"{one.label}: AUC {_shown(one.auc, one.low, one.high)}, {one.tracks:,} tracks"
            + (f"; {_noise_sentence(noise[one.label], named=False)}" if one.label in noise else ""),
        )
        for one in report.quality
    ]
    return rows, "AUC", f"{report.tracks:,} tracks, mean AUC {report.mean_auc:.3f}; bars are 95 % intervals."


def _noise_sentence(one: LabelNoise, named: bool = True) -> str:
    name = f"{one.checked.label}: " if named else ""
    corrected = "–" if math.isnan(one.corrected.value) else f"{one.corrected.value:,.0f}"
    return (
        f"{name}precision {_shown(*one.precision)}, tagability {_shown(*one.recall)}; "
        f"{one.checked.positives:,} tracks have it, {corrected} should"
    )


def _shown(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "undefined"
    return f"{value:.3f}" + ("" if math.isnan(low) else f" [{low:.3f} to {high:.3f}]")
