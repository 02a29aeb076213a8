"""Compute the responses of a model to many recordings, a map of the recordings, and labels that match units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from auralscope.audio.files import load_clip
from auralscope.errors import AudioFileError, AuralScopeError
from auralscope.types import Progress, no_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.nn.tagger import Tagger
    from auralscope.types import Clip

WINDOWS = 8
"""Windows whose images are in memory together."""

PERPLEXITY = 30.0
"""Perplexity of t-SNE for many recordings: about the number of neighbours that stay near."""


@dataclass(frozen=True, eq=False)
class RecordingResponses:
    """Responses of a model to a recording, window by window.

    Attributes
    ----------
    file : Path
    activity : (windows, units) float64 array
        Mean of each unit's feature map, or its value if it has no map.
    scores : (windows, labels) float64 array
        Probabilities.
    """

    file: Path
    activity: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class MapPoint:
    """A recording's position in a map.

    Attributes
    ----------
    file : Path
    x, y : float
        Without unit: recordings with similar features are near.
    label : str
        The most probable label.
    probability : float
        Its mean probability over the windows.
    """

    file: Path
    x: float
    y: float
    label: str
    probability: float


def window_responses(model: Tagger, clip: Clip, layer: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute a layer's activity (windows, units) and the probabilities (windows, labels) of a clip's windows."""
    front_end = model.front_end
    mono = front_end.mono(clip)
    starts_s = model.window_starts_s(clip)
    activity, scores = [], []
    for first in range(0, len(starts_s), WINDOWS):
        windows = [front_end.window(mono, start_s) for start_s in starts_s[first : first + WINDOWS]]
        images = torch.stack([front_end.analyse(model.tensor(window)).image for window in windows])
        cells, probabilities = model.activations(images, layer)
        activity.append(cells.mean(dim=2).cpu().double().numpy())
        scores.append(probabilities.cpu().double().numpy())
    return np.concatenate(activity), np.concatenate(scores)


def recording_responses(
    model: Tagger,
    files: Sequence[Path],
    layer: str,
    progress: Progress = no_progress,
    unreadable: list[str] | None = None,
    channel: int | None = None,
) -> Iterator[RecordingResponses]:
    """Compute the responses of a layer and of the labels to many recordings, one after the other.

    Parameters
    ----------
    model : Tagger
    files : sequence of Path
        Recordings, and folders, of which all files that can be decoded are taken.
    layer : str
    progress : callable
        Called with 0 to 1 after each recording; what it raises ends the computation.
    unreadable : list of str, optional
        Receives a sentence for each named recording that cannot be read.
    channel : int, optional
        Channel to analyse, see `Clip.channel`; a recording without it counts as one that cannot be read.

    Yields
    ------
    RecordingResponses

    Raises
    ------
    AudioFileError
        A named recording cannot be read, and `unreadable` is not given.
    """
    found = list(_files(files))
    for number, (file, named) in enumerate(found, start=1):
        try:
            clip = load_clip(file, channel=channel)
        except AudioFileError as failure:
            if named and unreadable is None:
                raise
            if named and unreadable is not None:
                unreadable.append(str(failure))
        else:
            yield RecordingResponses(file, *window_responses(model, clip, layer))
        progress(number / len(found))


def _files(files: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield files, and True for those that were named and not found in a folder."""
    for file in files:
        if file.is_dir():
            yield from ((below, False) for below in sorted(file.rglob("*")) if below.is_file())
        else:
            yield file, True


def recordings_map(model: Tagger, recordings: Sequence[RecordingResponses], seed: int = 0) -> list[MapPoint]:
    """Arrange recordings in two dimensions by their features (van der Maaten & Hinton 2008; Nam et al. 2019, fig. 5).

    t-SNE of the mean features of each recording, with every unit scaled to standard deviation 1. Neighbours stay near;
    large distances have little meaning. The initial positions are the principal components, so that the same recordings
    give the same map. The perplexity is at most a third of the number of recordings.

    Parameters
    ----------
    model : Tagger
    recordings : sequence of RecordingResponses
        With the activity of `Model.feature_layer`.
    seed : int

    Returns
    -------
    list of MapPoint

    Raises
    ------
    AuralScopeError
        There are fewer than three recordings.
    """
    if len(recordings) < 3:
        raise AuralScopeError(f"A map takes three recordings at least, not {len(recordings)}. Add more recordings.")
    features = np.stack([one.activity.mean(axis=0) for one in recordings])
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    places = _in_two_dimensions(features, seed)
    points = []
    for one, (x, y) in zip(recordings, places.tolist(), strict=True):
        mean = one.scores.mean(axis=0)
        best = int(mean.argmax())
        points.append(MapPoint(one.file, x, y, model.labels[best], float(mean[best])))
    return points


def _in_two_dimensions(features: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    n, units = features.shape
    if not np.ptp(features, axis=0).any():
        return np.zeros((n, 2))  # the features of all recordings are equal
    if units < 2:
        return np.column_stack([features[:, 0], np.zeros(n)])
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, max((n - 1) / 3.0, 1.0))
    layout = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    places: NDArray[np.float64] = layout.fit_transform(features).astype(np.float64)
    return places


def label_affinity(recordings: Sequence[RecordingResponses]) -> NDArray[np.float64]:
    """Correlate labels with units (Spearman) over all windows of recordings.

    Parameters
    ----------
    recordings : sequence of RecordingResponses

    Returns
    -------
    (units, labels) float64 array
        NaN for a unit or a label that never changes.

    Raises
    ------
    AuralScopeError
        There are fewer than three windows.
    """
    from scipy.stats import rankdata

    activity = np.concatenate([one.activity for one in recordings]) if recordings else np.zeros((0, 1))
    if len(activity) < 3:
        raise AuralScopeError(
            "Which labels go with kernels takes three windows of sound at least; give more recordings."
        )
    scores = np.concatenate([one.scores for one in recordings])
    units, labels = (_standardised(rankdata(values, axis=0)) for values in (activity, scores))
    affinity: NDArray[np.float64] = units.T @ labels / len(activity)
    return affinity


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    return centred / np.where(spread > 0.0, spread, math.nan)
