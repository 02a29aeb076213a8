"""Results of a model's window: scores, a layer's feature maps, a unit's image; compute a layer part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auralscope.nn.activity import LEVELS
from auralscope.session.methods import SLOW

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    from numpy.typing import NDArray

    from auralscope.nn.activity import Activity
    from auralscope.nn.loaded import Run
    from auralscope.session.selection import Selection
    from auralscope.types import Auralisation, Progress

GALLERY_BATCH = 4
"""Units deconvolved together while a gallery fills: few, so that a click is answered in between."""


@dataclass(frozen=True, eq=False)
class WindowResult:
    """Results of a model for one window.

    Attributes
    ----------
    selection : Selection
        The part `window` of the selection that it belongs to.
    run : Run
    input : (bins, frames) float32 array
        The model's input as it is drawn (`auralscope.dsp.frontends.FrontEnd.shown`).
    scores : (labels,) float32 array
        Probabilities.
    """

    selection: Selection
    run: Run
    input: NDArray[np.float32]
    scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LayerResult:
    """A layer's feature maps for the window.

    Attributes
    ----------
    selection : Selection
        The part `maps` of the selection that they belong to.
    maps : (units, bins', frames'), (units, steps) or (units,) float32 array
        (units, steps) for a recurrent layer, single values for a dense one.
    activity : Activity
        Activity of each unit, with its measure.
    order : list of int
        Units, the most active first.
    """

    selection: Selection
    maps: NDArray[np.float32]
    activity: Activity
    order: list[int]

    @property
    def is_map(self) -> bool:
        """Whether units have maps (convolutional and recurrent layers) or single values (dense layers)."""
        return self.maps.ndim > 1

    def is_silent(self, unit: int) -> bool:
        """Return whether the unit's feature map is all zeros."""
        return not self.maps[unit].any()

    @property
    def n_silent(self) -> int:
        """Number of units whose feature map is all zeros."""
        return sum(map(self.is_silent, self.order))

    def rank(self, unit: int) -> str:
        """Return the place of a unit among the units of its layer: "number 2 of 64"."""
        return f"number {self.order.index(unit) + 1} of {len(self.order)}"

    def level(self, unit: int) -> str:
        """Return the level of a unit's activity in words: "RMS 0.31", "probability 0.9"."""
        return f"{LEVELS[self.activity.measure]} {self.activity.levels[unit]:.3g}"

    @property
    def ranked_by(self) -> str:
        """Name of the measure by which the units are ranked, for the user."""
        return "probability" if self.activity.measure == "probability" else "activity"


@dataclass(frozen=True, eq=False)
class Feature:
    """A unit's image for the window.

    Attributes
    ----------
    unit : int
    image : (bins, frames) float32 array
        The deconvolution, or the result of another attribution method.
    picture : (bins, frames) float32 array
        The image as it is drawn.
    """

    unit: int
    image: NDArray[np.float32]
    picture: NDArray[np.float32]

    @property
    def n_bytes(self) -> int:
        """Size in memory."""
        return self.image.nbytes + (0 if self.picture is self.image else self.picture.nbytes)


@dataclass(frozen=True, eq=False)
class FeatureSound:
    """A unit's auralisation.

    Attributes
    ----------
    selection : Selection
        The whole selection that it belongs to.
    sound : Auralisation
    title : str
        The unit's name, such as `3-38`.
    window_s : (float, float)
        Start and end of the sound in the recording, in seconds.
    """

    selection: Selection
    sound: Auralisation
    title: str
    window_s: tuple[float, float]


def feature_of(run: Run, unit: int, image: NDArray[np.float32]) -> Feature:
    """Return a unit's image together with its picture."""
    return Feature(unit, image, run.model.front_end.shown(image))


def fill(
    run: Run, selection: Selection, have: Collection[int], advance: Progress
) -> Iterator[LayerResult | list[Feature]]:
    """Compute a layer's feature maps, then its missing features, the most active unit first.

    Parameters
    ----------
    run : Run
    selection : Selection
        Its layer and method are computed.
    have : collection of int
        Units whose features are already computed.
    advance : callable
        Called with 0 to 1.

    Yields
    ------
    LayerResult, then lists of Feature
        An empty list lets more urgent work of the lane go first.
    """
    layer, method = selection.layer, selection.method
    result = LayerResult(selection.maps, run.feature_maps(layer), run.activity(layer), run.most_active(layer))
    yield result
    missing = [unit for unit in result.order if unit not in have]
    together = len(missing) if method in SLOW else GALLERY_BATCH
    for first in range(0, len(missing), max(together, 1)):
        units = missing[first : first + together]
        parts = run.deconvolve_parts(layer, units, method)
        while True:
            try:
                done = next(parts)
            except StopIteration as end:
                images = end.value
                break
            advance((first + done * len(units)) / len(missing))
            yield []
        yield [feature_of(run, unit, image) for unit, image in zip(units, images, strict=True)]
        advance((first + len(units)) / len(missing))
