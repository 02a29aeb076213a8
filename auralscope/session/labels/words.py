"""What is known of label vectors, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auralscope.labels.ground_truth import cooccurrence

if TYPE_CHECKING:
    from auralscope.labels.cooccurrence import Agreement, Correlation, Interval, Point
    from auralscope.labels.ground_truth import GroundTruth
    from auralscope.nn.analysis.label_vectors import LabelVectors, Metric


def number(value: float) -> str:
    """`0.82`, with a true minus; `undefined`."""
    return "undefined" if np.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def percent(share: float) -> str:
    """`13 %`; of what is not zero never `0 %`."""
    if np.isnan(share):
        return "–"
    return "under 1 %" if 0.0 < share < 0.005 else f"{100.0 * share:.0f} %"


def pair(vectors: LabelVectors, metric: Metric, a: str, b: str) -> str:
    """A pair's value and its rank among all pairs."""
    first, second = vectors.index(a), vectors.index(b)
    value = float(vectors.similarity(metric)[first, second])
    if np.isnan(value):
        return f"{a} – {b}: undefined (a vector is all zeros)"
    count = len(vectors.labels) * (len(vectors.labels) - 1) // 2
    return f"{a} – {b}: {number(value)}, number {int(vectors.ranks(metric)[first, second]):,} of {count:,}"


def together(truth: GroundTruth, a: str, b: str, point: Point | None) -> str:
    """How often two labels occur together, both ways round, and the pair's rank by it."""
    never = [label for label in (a, b) if label in truth.never]
    if never:
        return f"{' and '.join(never)} never occur{'s' if len(never) == 1 else ''}: co-occurrence undefined"
    first, second = truth.labels.index(a), truth.labels.index(b)
    shares = cooccurrence(truth.together[np.ix_([first, second], [first, second])])
    said = f"{percent(shares[0, 1])} of {a} are {b}, {percent(shares[1, 0])} of {b} are {a}"
    return f"{said} (number {point.together_rank:,.0f} by the greater)" if point is not None else said


def about_truth(truth: GroundTruth) -> str:
    """What was read."""
    said = f"{truth.tracks:,} tracks."
    if truth.never:
        said += f" Never there, so undefined: {', '.join(truth.never)}."
    if truth.ignored:
        said += f" Columns that are no labels: {', '.join(truth.ignored[:6])}{'…' if len(truth.ignored) > 6 else ''}."
    return said


def correlations(agreement: Agreement) -> list[tuple[str, str, str, str]]:
    """Of each correlation its name, value, and intervals over tracks and over labels, empty until they are there."""
    return [
        ("Spearman", *_figures(agreement.spearman)),
        ("Pearson", *_figures(agreement.pearson)),
    ]


def _figures(found: Correlation) -> tuple[str, str, str]:
    value = f"{found.value:.3f}".replace("-", "−")
    return value, _span(found.over_tracks), _span(found.over_labels)


def _span(interval: Interval) -> str:
    if np.isnan(interval.low):
        return ""
    return f"{interval.low:.2f} to {interval.high:.2f}".replace("-", "−")
