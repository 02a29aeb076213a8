"""What is seen inside a model: a window, a layer's answer, a unit's; and computing a layer part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auralscope.session.methods import SLOW

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    from numpy.typing import NDArray

    from auralscope.nn.loaded import Run
    from auralscope.types import Progress

GALLERY_BATCH = 4
"""Units that are deconvolved together while a gallery fills: small enough to answer a click in between."""


@dataclass(frozen=True, eq=False)
class WindowResult:
    """One window inside a model, with what is shown at once.

    Attributes
    ----------
    run : Run
    input : (bins, frames) float32 array
        What the model sees, as it is drawn (`auralscope.dsp.frontends.FrontEnd.shown`).
    scores : (labels,) float32 array
        Probabilities.
    """

    run: Run
    input: NDArray[np.float32]
    scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LayerResult:
    """What a layer answered to the window.

    Attributes
    ----------
    maps : (units, bins', frames'), (units, steps) or (units,) float32 array
        Feature maps; (units, steps) of a recurrent layer, single values of a dense one.
    activity : (units,) float32 array
        Mean square of each unit's map.
    order : list of int
        Units, the most active first.
    """

    maps: NDArray[np.float32]
    activity: NDArray[np.float32]
    order: list[int]

    @property
    def is_map(self) -> bool:
        """Whether units have maps (a convolution; a row, of a recurrent layer) or single values (a dense layer)."""
        return self.maps.ndim > 1

    def is_silent(self, unit: int) -> bool:
        """Whether the unit gives nothing at all for this window."""
        return not self.activity[unit] > 0.0


@dataclass(frozen=True, eq=False)
class Feature:
    """A unit's answer to the window.

    Attributes
    ----------
    unit : int
    image : (bins, frames) float32 array
        Its deconvolution, or what another method says.
    picture : (bins, frames) float32 array
        The same as it is drawn.
    """

    unit: int
    image: NDArray[np.float32]
    picture: NDArray[np.float32]


def feature_of(run: Run, unit: int, image: NDArray[np.float32]) -> Feature:
    """A unit's answer, and how it is drawn."""
    return Feature(unit, image, run.model.front_end.shown(image))


def fill(
    run: Run, layer: str, method: str, have: Collection[int], advance: Progress
) -> Iterator[LayerResult | list[Feature]]:
    """A layer's answer, then what is missing of its features, the most active unit first.

    Parameters
    ----------
    run : Run
    layer, method : str
    have : collection of int
        Units that are there already.
    advance : callable
        Called with 0 to 1.

    Yields
    ------
    LayerResult, then lists of Feature
        Lists are empty where only time has passed.
    """
    answer = LayerResult(run.feature_maps(layer), run.activity(layer), run.most_active(layer))
    yield answer
    missing = [unit for unit in answer.order if unit not in have]
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
