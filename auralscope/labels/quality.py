"""Rate the labels of a ground truth, and a model's scores of its tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auralscope.errors import AudioFileError, AuralScopeError
from auralscope.files import quoted
from auralscope.labels.auc import TagQuality, load_scores, tag_quality
from auralscope.labels.ground_truth import read_tracks
from auralscope.labels.noise import LabelNoise, label_noise, load_checked
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LabelQuality:
    """Label noise of a ground truth, and a model's AUC over it.

    Attributes
    ----------
    noise : list of LabelNoise
        Labels that were checked by listening again; empty without a file of judgements.
    tags : list of TagQuality
        AUC of each label; empty without scores.
    tracks : int
        Tracks with scores.
    """

    noise: list[LabelNoise]
    tags: list[TagQuality]
    tracks: int

    @property
    def mean_auc(self) -> float:
        """Mean over the labels for which the AUC is defined; NaN without any."""
        defined = [tag.auc for tag in self.tags if np.isfinite(tag.auc)]
        return float(np.mean(defined)) if defined else float("nan")


def label_quality(
    labels: Sequence[str],
    predict: Callable[[Path], NDArray[np.floating]],
    *,
    noise_file: Path | None = None,
    scored: Path | None = None,
    truth_files: Sequence[Path] = (),
    progress: Progress = no_progress,
) -> LabelQuality:
    """Rate labels, and a model's scores of them.

    Parameters
    ----------
    labels : sequence of str
        The model's labels.
    predict : callable
        Returns the model's scores (labels,) of a recording; used if `scored` is a folder.
    noise_file : Path, optional
        Judgements of people who listened again; see `auralscope.labels.noise.load_checked`.
    scored : Path, optional
        The model's scores of the ground truth's tracks, in its order (`.npy` or CSV), or a folder of recordings named
        like the tracks.
    truth_files : sequence of Path
        See `auralscope.labels.ground_truth`.
    progress : callable
        Called with 0 to 1.

    Raises
    ------
    AuralScopeError
        If a file cannot be read, or the scores do not belong to the tracks of the ground truth.
    """
    noise, tags, tracks = [], [], 0
    if noise_file is not None:
        noise = [label_noise(checked) for checked in load_checked(noise_file, labels, truth_files, progress)]
    if scored is not None:
        if not truth_files:
            raise AuralScopeError(f"Scores in {quoted(scored)} can be rated only with a ground truth; load one first.")
        read = _recordings if scored.is_dir() else _scores
        truth, scores = read(labels, predict, scored, truth_files, progress)
        tracks = len(truth)
        tags = tag_quality(truth, scores, labels, {one.checked.label: one.recall.value for one in noise})
    return LabelQuality(noise, tags, tracks)


_Read = tuple["NDArray[np.bool_]", "NDArray[np.floating]"]


def _scores(
    labels: Sequence[str], _predict: object, file: Path, truth_files: Sequence[Path], progress: Progress
) -> _Read:
    """Read the ground truth and a file of scores, (tracks, labels) each."""
    truth = np.concatenate([values for _, values in read_tracks(truth_files, labels, progress)])
    scores = load_scores(file, labels)
    if len(scores) != len(truth):
        raise AuralScopeError(
            f"{quoted(file)} has scores of {len(scores)} tracks, the ground truth has {len(truth)} tracks."
        )
    return truth, scores


def _recordings(
    labels: Sequence[str],
    predict: Callable[[Path], NDArray[np.floating]],
    folder: Path,
    truth_files: Sequence[Path],
    progress: Progress,
) -> _Read:
    """Compute scores of the recordings that are named like tracks; return their truth and scores, (tracks, labels)."""
    files = {file.stem: file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith(".")}
    truth_of: dict[str, NDArray[np.bool_]] = {}
    for names, values in read_tracks(truth_files, labels):
        truth_of |= {name: row for name, row in zip(names, values, strict=True) if name in files}
    truth, scores, unreadable = [], [], []
    for count, (name, row) in enumerate(truth_of.items(), start=1):
        try:
            scores.append(predict(files[name]))
            truth.append(row)
        except AudioFileError as failure:
            unreadable.append(str(failure))
        progress(count / len(truth_of))
    if not truth:
        sentence = f"No recording in {quoted(folder)} has the name of a track of the ground truth."
        raise AuralScopeError(" ".join([sentence, *unreadable[:1]]))
    return np.stack(truth), np.stack(scores)
