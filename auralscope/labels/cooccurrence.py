"""Compare label similarity in a network with the co-occurrence of labels (Choi 2018, sec. 7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auralscope.errors import AuralScopeError
from auralscope.labels.ground_truth import GroundTruth, cooccurrence

if TYPE_CHECKING:
    from numpy.typing import NDArray

REPLICATES = 1000


class Interval(NamedTuple):
    """A 95 % interval; NaN if it is undefined."""

    low: float
    high: float


@dataclass(frozen=True)
class Correlation:
    """A correlation over pairs of labels, with two bootstrap intervals.

    Attributes
    ----------
    value : float
    over_tracks : Interval
        Interval over bootstrap samples of the tracks, with the network's similarity unchanged. Pairs of labels are not
        resampled: they depend on one another, and their interval would be too narrow.
    over_labels : Interval
        Interval over bootstrap samples of the labels, with all pairs among those drawn (Snijders & Borgatti 1999). It
        is much the wider one.
    """

    value: float
    over_tracks: Interval
    over_labels: Interval


class Point(NamedTuple):
    """A pair of labels: its similarity, its co-occurrence, and its rank by each.

    Ranks count from 1, the highest, over the pairs whose co-occurrence is defined; equal values share their mean rank.
    `excess` is the similarity minus its value on the regression line through all points.
    """

    a: str
    b: str
    similarity: float
    together: float
    similarity_rank: float
    together_rank: float
    excess: float


@dataclass(frozen=True, eq=False)
class Agreement:
    """Similarity in the network against co-occurrence, pair by pair.

    Attributes
    ----------
    points : tuple of Point
        Pairs in the model's order, without pairs that have a label that never occurs.
    spearman, pearson : Correlation
        Correlation of similarity and max(C(i, j), C(j, i)).
    line : (slope, intercept)
        Least-squares regression of similarity on co-occurrence.
    undefined : tuple of str
        Labels that never occur.
    """

    points: tuple[Point, ...]
    spearman: Correlation
    pearson: Correlation
    line: tuple[float, float]
    undefined: tuple[str, ...]

    def outliers(self, n: int = 10) -> tuple[list[Point], list[Point]]:
        """Return the pairs farthest from the regression line, the farthest first.

        Returns
        -------
        similar_but_apart, together_but_unlike : lists of n Points at most
            Pairs above the line, and pairs below it that occur together more often than the mean.
        """
        by_excess = sorted(self.points, key=lambda point: -point.excess)
        mean = float(np.mean([point.together for point in self.points]))
        return (
            [point for point in by_excess[:n] if point.excess > 0.0],
            [point for point in by_excess[::-1] if point.excess < 0.0 and point.together > mean][:n],
        )


def agreement(
    similarity: NDArray[np.float64], truth: GroundTruth, replicates: int = REPLICATES, seed: int = 0
) -> Agreement:
    """Correlate a similarity of labels with their co-occurrence.

    Parameters
    ----------
    similarity : (labels, labels) array
    truth : GroundTruth
        Ground truth of the same labels.
    replicates : int
        Samples of each bootstrap; 0 leaves the intervals undefined.
    seed : int

    Raises
    ------
    AuralScopeError
        If fewer than three pairs are defined.
    """
    n = len(truth.labels)
    if similarity.shape != (n, n):
        raise ValueError(f"a similarity of {similarity.shape} does not fit {n} labels")
    first, second = np.triu_indices(n, 1)
    together = _most(truth.together)
    defined = np.isfinite(together[first, second]) & np.isfinite(similarity[first, second])
    first, second = first[defined], second[defined]
    if first.size < 3:
        raise AuralScopeError("Fewer than three pairs of labels occur in the ground truth: nothing can be correlated.")
    x, y = similarity[first, second], together[first, second]
    line = _line(y, x)
    rows = np.stack([x, y, _ranks(-x), _ranks(-y), x - (line[0] * y + line[1])], axis=1)
    points = tuple(
        Point(truth.labels[a], truth.labels[b], *row)
        for a, b, row in zip(first.tolist(), second.tolist(), rows.tolist(), strict=True)
    )
    random = np.random.default_rng(seed)
    tracks = [_over_tracks(similarity, truth, random) for _ in range(replicates)]
    labels = [_over_labels(similarity, together, random) for _ in range(replicates)]
    values = correlations(x, y)
    spearman, pearson = (
        Correlation(
            values[which],
            _centred(_interval(one[which] for one in tracks), values[which], [one[which] for one in tracks]),
            _interval(one[which] for one in labels),
        )
        for which in (0, 1)
    )
    return Agreement(points, spearman, pearson, line, truth.never)


def _most(together: NDArray[Any]) -> NDArray[np.float64]:
    """Return max(C(i, j), C(j, i)); NaN for a label that never occurs."""
    conditional = cooccurrence(together)
    most: NDArray[np.float64] = np.maximum(conditional, conditional.T)
    return most


def _over_tracks(
    similarity: NDArray[np.float64], truth: GroundTruth, random: np.random.Generator
) -> tuple[float, float]:
    """Return the correlations over one bootstrap sample of the groups of tracks."""
    n = len(truth.groups)
    drawn = random.multinomial(n, np.full(n, 1.0 / n))
    counts = np.tensordot(drawn.astype(np.float64), truth.groups, axes=1)
    first, second = np.triu_indices(len(truth.labels), 1)
    return correlations(similarity[first, second], _most(counts)[first, second])


def _over_labels(
    similarity: NDArray[np.float64], together: NDArray[np.float64], random: np.random.Generator
) -> tuple[float, float]:
    """Return the correlations over one bootstrap sample of the labels, without pairs of a label with itself."""
    n = len(similarity)
    drawn = random.integers(n, size=n)
    first, second = np.triu_indices(n, 1)
    first, second = drawn[first], drawn[second]
    apart = first != second
    return correlations(similarity[first[apart], second[apart]], together[first[apart], second[apart]])


def correlations(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return Spearman's and Pearson's correlation of the values that both rows define; NaN with fewer than two."""
    defined = np.isfinite(x) & np.isfinite(y)
    x, y = x[defined], y[defined]
    return _pearson(_ranks(x), _ranks(y)), _pearson(x, y)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    ranks: NDArray[np.float64] = rankdata(values)
    return ranks


def _pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    if x.size < 2:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0.0 else float("nan")


def _interval(values: Any) -> Interval:
    there = np.array([value for value in values if np.isfinite(value)])
    if there.size < 2:
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(there, (0.025, 0.975)).tolist()
    return Interval(low, high)


def _centred(interval: Interval, value: float, replicates: list[float]) -> Interval:
    """Move an interval so that the mean of the replicates lies on the value."""
    if not replicates:
        return interval
    move = value - float(np.nanmean(replicates))
    return Interval(interval.low + move, interval.high + move)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and intercept of the regression of y on x; the slope is 0 if x is constant."""
    spread = x - x.mean()
    size = float(spread @ spread)
    slope = float(spread @ y) / size if size > 0.0 else 0.0
    return slope, float(y.mean() - slope * x.mean())
