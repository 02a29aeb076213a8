"""Describe label vectors and a ground truth in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auralscope.labels.ground_truth import cooccurrence
from auralscope.wording import decimal, percent

if TYPE_CHECKING:
    from auralscope.labels.cooccurrence import Agreement, Correlation, Interval, Point
    from auralscope.labels.ground_truth import GroundTruth
    from auralscope.nn.analysis.label_vectors import LabelVectors, Metric


def pair(vectors: LabelVectors, metric: Metric, a: str, b: str) -> str:
    """Describe a pair's similarity and its rank among all pairs."""
    first, second = vectors.index(a), vectors.index(b)
    value = float(vectors.similarity(metric=metric)[first, second])
    if np.isnan(value):
        return f"{a} – {b}: undefined (a vector is all zeros)"
    count = len(vectors.labels) * (len(vectors.labels) - 1) // 2
    return f"{a} – {b}: {decimal(value)}, number {int(vectors.ranks(metric=metric)[first, second]):,} of {count:,}"


def together(truth: GroundTruth, a: str, b: str, point: Point | None) -> str:
    """Describe the co-occurrence of two labels, in both directions, and the pair's rank by it."""
    never = [label for label in (a, b) if label in truth.never]
    if never:
        return f"{' and '.join(never)} never occur{'s' if len(never) == 1 else ''}: co-occurrence undefined"
    first, second = truth.labels.index(a), truth.labels.index(b)
    shares = cooccurrence(truth.together[np.ix_([first, second], [first, second])])
    said = f"{percent(shares[0, 1])} of {a} are {b}, {percent(shares[1, 0])} of {b} are {a}"
    return f"{said} (number {point.together_rank:,.0f} by the greater)" if point is not None else said


def about_truth(truth: GroundTruth) -> str:
    """Describe a ground truth: tracks, labels that never occur, and columns that are not labels."""
    said = f"{truth.tracks:,} tracks."
    if truth.never:
        said += f" These labels never occur and are undefined: {', '.join(truth.never)}."
    if truth.ignored:
        said += f" Columns that are not labels: {', '.join(truth.ignored[:6])}{'…' if len(truth.ignored) > 6 else ''}."
    return said


def correlations(agreement: Agreement) -> list[tuple[str, str, str, str]]:
    """Return the name, value, and intervals over tracks and over labels of each correlation, empty until computed."""
    return [
        ("Spearman", *_figures(agreement.spearman)),
        ("Pearson", *_figures(agreement.pearson)),
    ]


def _figures(found: Correlation) -> tuple[str, str, str]:
    return decimal(found.value, 3), _span(found.over_tracks), _span(found.over_labels)


def _span(interval: Interval) -> str:
    if np.isnan(interval.low):
        return ""
    return f"{decimal(interval.low)} to {decimal(interval.high)}"
