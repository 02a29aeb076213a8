"""Rank the units of a layer: the measures of activity, and the rule that chooses one.

- The output layer is ranked by the probabilities of its labels. A logit far below zero has a large square, yet its
  label is the least probable one.
- A layer without a negative value in the excerpt (ReLU, sigmoid) is ranked by energy: the mean square of each map.
- A layer with negative values (ELU, batch norm, recurrent layers) is ranked by the variance of the positive part of
  each map. A unit that is constant, or always negative, gets 0.
- A dense layer with negative values has a single value for each unit, which has no variance. It is ranked by the square
  of the positive part of that value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

Measure = Literal["probability", "energy", "variance", "positive value"]
"""Measure of the activity of a unit; see the module."""

LEVELS: dict[Measure, str] = {
    "probability": "probability",
    "energy": "RMS",
    "variance": "SD of the positive part",
    "positive value": "positive part",
}
"""Name of the level of each measure: the probability itself, or the square root of the others."""


@dataclass(frozen=True, eq=False)
class Activity:
    """Activity of the units of a layer.

    Attributes
    ----------
    values : (units,) float32 array
    measure : Measure
    """

    values: NDArray[np.float32]
    measure: Measure

    @property
    def levels(self) -> NDArray[np.float32]:
        """Values on the scale of the feature maps, (units,): see `LEVELS`."""
        return self.values if self.measure == "probability" else np.sqrt(self.values)


def map_activity(windows: Iterable[NDArray[np.float32]]) -> Activity:
    """Compute the activity of the units of a layer that is not the output.

    Parameters
    ----------
    windows : iterable of (units, ...) float32 array
        Feature maps of the layer, window by window.

    Returns
    -------
    Activity
        Over all windows together.
    """
    cells, single, negative = 0, True, False
    mean = square = np.zeros(1)
    for maps in windows:
        positive = np.maximum(maps.reshape(len(maps), -1).astype(np.float64), 0.0)
        cells += positive.shape[1]
        single &= positive.shape[1] == 1
        negative |= bool((maps < 0.0).any())
        mean, square = mean + positive.sum(axis=1), square + np.square(positive).sum(axis=1)
    mean, square = mean / cells, square / cells
    if not negative:
        return Activity(square.astype(np.float32), "energy")
    if single:
        return Activity(square.astype(np.float32), "positive value")
    return Activity(np.maximum(square - mean**2, 0.0).astype(np.float32), "variance")
