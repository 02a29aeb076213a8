"""Colours for values that have a zero in the middle, and for shares from 0 to 1."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from auralscope.ui import theme

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scale = Literal["diverging", "share"]

# From the most negative to the most positive. Blue and orange are told apart by every kind of colour vision; zero has
# the colour of the ground, so that what is nothing looks like nothing, in the light as in the dark.
_ANCHORS = {
    "light": ("#08427f", "#3f86c4", "#a9cbe6", "#ffffff", "#f9c396", "#dd7a26", "#8a3d00"),
    "dark": ("#a5d4ff", "#4a97e0", "#1d4d80", "#17181d", "#7e3f10", "#e2832b", "#ffd9a8"),
}
LEVELS = 257
"""Odd, so that zero has a colour of its own."""


@cache
def table(scale: Scale, name: str) -> NDArray[np.uint8]:
    """(257, 3) RGB of a scale on the theme `name`, "light" or "dark"."""
    anchors = np.array([[int(hue[k : k + 2], 16) for k in (1, 3, 5)] for hue in _ANCHORS[name]], dtype=np.float64)
    if scale == "share":
        anchors = anchors[3:]
    at = np.linspace(0.0, 1.0, LEVELS)
    stops = np.linspace(0.0, 1.0, len(anchors))
    channels = [np.interp(at, stops, anchors[:, channel]) for channel in range(3)]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    return colours


def colours_of(values: NDArray[np.floating[Any]], scale: Scale, limit: float) -> NDArray[np.uint8]:
    """(…, 3) RGB of values in the theme in use.

    Parameters
    ----------
    values : float array
        NaN gets the colour of borders.
    scale : {"diverging", "share"}
        From `-limit` to `limit`, or from 0 to `limit`.
    limit : float
        Positive.
    """
    at = values / limit
    if scale == "diverging":
        at = (at + 1.0) / 2.0
    undefined = np.isnan(at)
    places = np.rint(np.clip(np.where(undefined, 0.5, at), 0.0, 1.0) * (LEVELS - 1)).astype(np.intp)
    colours: NDArray[np.uint8] = table(scale, theme.current().name)[places]
    border = theme.current().border
    colours[undefined] = [int(border[k : k + 2], 16) for k in (1, 3, 5)]
    return colours


def is_bright(colour: NDArray[np.uint8]) -> bool:
    """Whether dark text reads on a colour, by its relative luminance (WCAG 2)."""
    share = colour.astype(np.float64) / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return bool(linear @ (0.2126, 0.7152, 0.0722) > 0.18)
