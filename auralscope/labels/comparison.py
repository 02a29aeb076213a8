"""Compare the label similarities of two models, over the labels that both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auralscope.errors import AuralScopeError
from auralscope.labels.cooccurrence import correlations

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Disagreement(NamedTuple):
    """A pair of labels, and its similarity in each model."""

    a: str
    b: str
    first: float
    second: float
    difference: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Label similarities of two models, over the labels that both have.

    Attributes
    ----------
    labels : tuple of str
        Spelling and order of the first model.
    first, second : (labels, labels) float64 arrays
    spearman, pearson : float
        Correlation of the two models over all pairs; NaN with fewer than two pairs.
    """

    labels: tuple[str, ...]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    spearman: float
    pearson: float

    @property
    def difference(self) -> NDArray[np.float64]:
        """The first's similarity minus the second's, (labels, labels)."""
        return self.first - self.second

    def disagreements(self) -> list[Disagreement]:
        """Return all pairs, the largest difference first and undefined differences last."""
        a, b = np.triu_indices(len(self.labels), 1)
        columns = np.stack([one[a, b] for one in (self.first, self.second, self.difference)], axis=1)
        return [
            Disagreement(self.labels[a[place]], self.labels[b[place]], *columns[place].tolist())
            for place in np.argsort(-np.abs(columns[:, 2]), kind="stable").tolist()
        ]


def compare(
    first_labels: Sequence[str],
    first: NDArray[np.float64],
    second_labels: Sequence[str],
    second: NDArray[np.float64],
) -> Comparison:
    """Compare the label similarities of two models, over the labels that both have.

    Parameters
    ----------
    first_labels, second_labels : sequences of str
        Common labels have the same spelling, apart from case.
    first, second : (labels, labels) arrays

    Raises
    ------
    AuralScopeError
        If the models have fewer than two labels in common.
    """
    common = _matched(first_labels, second_labels)
    if len(common) < 2:
        raise AuralScopeError(
            f"The two models have {len(common) or 'no'} label{'' if len(common) == 1 else 's'} in common; "
            "a comparison needs at least two."
        )
    ours, theirs = (list(side) for side in zip(*common, strict=True))
    one, other = first[np.ix_(ours, ours)], second[np.ix_(theirs, theirs)]
    upper = np.triu_indices(len(ours), 1)
    return Comparison(tuple(first_labels[place] for place in ours), one, other, *correlations(one[upper], other[upper]))


def _matched(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Match labels by exact spelling first, then ignoring case, so that a model may have both 'House' and 'house'."""
    taken = {name: place for place, name in enumerate(theirs)}
    found = {place: taken.pop(name) for place, name in enumerate(ours) if name in taken}
    for place, name in enumerate(ours):
        alike = [other for other in taken if other.casefold() == name.casefold()]
        if place not in found and len(alike) == 1:
            found[place] = taken.pop(alike[0])
    return sorted(found.items())
