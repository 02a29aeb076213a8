"""Two models' opinions of the labels that both know."""

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
    """A pair of labels and how alike each model holds them."""

    a: str
    b: str
    first: float
    second: float
    difference: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """How alike two models hold the labels that both know.

    Attributes
    ----------
    labels : tuple of str
        As the first model writes them, in its order.
    first, second : (labels, labels) float64 arrays
    spearman, pearson : float
        Between the two, over all pairs; NaN of fewer than two.
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
        """All pairs, those on which the models differ most first; undefined ones last."""
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
    """Compare two models' similarities of labels, over the labels that both know.

    Parameters
    ----------
    first_labels, second_labels : sequences of str
        Written alike, or alike but for capitals.
    first, second : (labels, labels) arrays

    Raises
    ------
    AuralScopeError
        They have fewer than two labels in common.
    """
    common = _matched(first_labels, second_labels)
    if len(common) < 2:
        raise AuralScopeError(
            f"The two models have {len(common) or 'no'} label{'' if len(common) == 1 else 's'} in common; "
            "a comparison takes two at least."
        )
    ours, theirs = (list(side) for side in zip(*common, strict=True))
    one, other = first[np.ix_(ours, ours)], second[np.ix_(theirs, theirs)]
    upper = np.triu_indices(len(ours), 1)
    return Comparison(tuple(first_labels[place] for place in ours), one, other, *correlations(one[upper], other[upper]))


def _matched(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Places of the same label in both; first of those written alike, so that 'House' and 'house' may both be there."""
    taken = {name: place for place, name in enumerate(theirs)}
    found = {place: taken.pop(name) for place, name in enumerate(ours) if name in taken}
    for place, name in enumerate(ours):
        alike = [other for other in taken if other.casefold() == name.casefold()]
        if place not in found and len(alike) == 1:
            found[place] = taken.pop(alike[0])
    return sorted(found.items())
