"""Compute the AUC of a model's scores, label by label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auralscope.errors import FileError
from auralscope.files import quoted, reason, require_file
from auralscope.labels.categories import category

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TagQuality:
    """The AUC of one label.

    Attributes
    ----------
    label, category : str
    tracks : int
        Tracks that have the label: its popularity.
    popularity_rank : int
        1 for the most popular.
    auc : float
        Area under the ROC curve; NaN if all tracks have the label or none.
    low, high : float
        95 % interval of the AUC (DeLong et al. 1988); NaN with fewer than two tracks that have the label or lack it.
    tagability : float
        Recall of the ground truth itself; NaN if nobody listened to its tracks again.
    """

    label: str
    category: str
    tracks: int
    popularity_rank: int
    auc: float
    low: float
    high: float
    tagability: float


def tag_quality(
    truth: NDArray[np.bool_],
    scores: NDArray[np.floating],
    labels: Sequence[str],
    tagability: dict[str, float] | None = None,
) -> list[TagQuality]:
    """Compute the AUC of a model's scores, label by label.

    Parameters
    ----------
    truth : (tracks, labels) bool array
    scores : (tracks, labels) array
        Higher if the label is more probable.
    labels : sequence of str
    tagability : dict, optional
        Recall of the ground truth by label, as far as it is known.
    """
    if truth.shape != scores.shape:
        raise ValueError(f"{truth.shape} of truth do not fit {scores.shape} of scores")
    popularity = truth.sum(axis=0)
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[np.argsort(-popularity, kind="stable")] = np.arange(1, len(labels) + 1)
    known = tagability or {}
    return [
        TagQuality(
            label,
            category(label),
            int(popularity[place]),
            int(ranks[place]),
            *auc(truth[:, place], scores[:, place]),
            known.get(label, float("nan")),
        )
        for place, label in enumerate(labels)
    ]


def auc(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> tuple[float, float, float]:
    """Compute the area under the ROC curve of scores (tracks,), and the ends of its 95 % interval.

    The interval is DeLong's, on the logit of the area, which keeps it between 0 and 1. An area of exactly 0 or 1 has
    the interval of half a track more or less.
    """
    from scipy.stats import rankdata

    nan = float("nan")
    m, n = int(truth.sum()), int((~truth).sum())
    if m == 0 or n == 0:
        return nan, nan, nan
    ranks, given, lacking = rankdata(scores), rankdata(scores[truth]), rankdata(scores[~truth])
    over = (ranks[truth] - given) / n  # share of the tracks without the label that each track with it exceeds
    under = 1.0 - (ranks[~truth] - lacking) / m
    area = float(over.mean())
    if m < 2 or n < 2:
        return area, nan, nan
    inside = min(max(area, 0.5 / (m * n)), 1.0 - 0.5 / (m * n))
    deviation = max(float(np.sqrt(over.var(ddof=1) / m + under.var(ddof=1) / n)), 0.5 / (m * n))
    logit, spread = np.log(inside / (1.0 - inside)), 1.96 * deviation / (inside * (1.0 - inside))
    low, high = (1.0 / (1.0 + np.exp(-np.clip(end, -700.0, 700.0))) for end in (logit - spread, logit + spread))
    return area, min(float(low), area), max(float(high), area)


def load_scores(file: str | Path, labels: Sequence[str]) -> NDArray[np.float32]:
    """Read a model's scores, (tracks, labels), from `.npy`, or CSV with a header that names the labels.

    Raises
    ------
    FileError
        If the file cannot be read, has the wrong number of columns, or a value that is not a number.
    """
    file = Path(file)
    require_file(file)
    try:
        if file.suffix.lower() == ".npy":
            scores = np.load(file, allow_pickle=False)
        else:
            with file.open(encoding="utf-8-sig") as stream:
                head = [cell.strip().casefold() for cell in stream.readline().split(",")]
                missing = [label for label in labels if label.casefold() not in head]
                if missing:
                    raise FileError(f"The header of {quoted(file)} lacks the model's label '{missing[0]}'.")
                columns = [head.index(label.casefold()) for label in labels]
                scores = np.loadtxt(stream, delimiter=",", usecols=columns, ndmin=2, dtype=np.float32)
    except OSError as failure:
        raise FileError(f"{quoted(file)} cannot be read: {reason(failure)}.") from failure
    except (ValueError, EOFError) as failure:
        raise FileError(f"{quoted(file)} is not a table of scores: {failure}.") from failure
    if scores.ndim != 2 or scores.dtype.kind not in "biuf":
        raise FileError(f"{quoted(file)} holds {scores.dtype} of shape {scores.shape}; scores are tracks x labels.")
    if scores.shape[1] != len(labels):
        raise FileError(f"{quoted(file)} has {scores.shape[1]} columns for the model's {len(labels)} labels.")
    if not np.isfinite(scores).all():
        row, column = np.argwhere(~np.isfinite(scores))[0].tolist()
        raise FileError(f"{quoted(file)}, row {row}: the score of '{labels[column]}' is not a number.")
    values: NDArray[np.float32] = scores.astype(np.float32)
    return values
