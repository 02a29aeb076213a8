"""Colour scales of a heatmap: diverging about zero, or from zero up."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor, QImage

from auralscope.ui import theme

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scale = Literal["diverging", "share"]

# From the most negative to the most positive value. Every kind of colour vision tells blue from orange. Zero has the
# colour of the background, so an empty cell looks empty in both themes.
_ANCHORS = {
    "light": ("#08427f", "#3f86c4", "#a9cbe6", "#ffffff", "#f9c396", "#dd7a26", "#8a3d00"),
    "dark": ("#a5d4ff", "#4a97e0", "#1d4d80", "#17181d", "#7e3f10", "#e2832b", "#ffd9a8"),
}
NEGATIVE, POSITIVE = "#3f86c4", "#dd7a26"
"""Colours of bars, readable in both themes."""

_LEVELS = 257
"""An odd number, so that zero has a level of its own."""


@cache
def table(scale: Scale, theme_name: str) -> NDArray[np.uint8]:
    """Return the (257, 3) RGB table of a scale in the theme "light" or "dark"."""
    anchors = _ANCHORS[theme_name][3 if scale == "share" else 0 :]
    colours: NDArray[np.uint8] = pg.ColorMap(None, list(anchors)).getLookupTable(nPts=_LEVELS, alpha=False)
    return colours


def colours_of(values: NDArray[np.floating[Any]], scale: Scale, limit: float) -> NDArray[np.uint8]:
    """Colour values in the current theme.

    Parameters
    ----------
    values : float array
        NaN gets the colour of borders.
    scale : {"diverging", "share"}
        From `-limit` to `limit`, or from 0 to `limit`.
    limit : float
        Positive.

    Returns
    -------
    (..., 3) uint8 array
        RGB.
    """
    position = values / limit
    if scale == "diverging":
        position = (position + 1.0) / 2.0
    undefined = np.isnan(position)
    levels = np.rint(np.clip(np.where(undefined, 0.5, position), 0.0, 1.0) * (_LEVELS - 1)).astype(np.intp)
    colours: NDArray[np.uint8] = table(scale, theme.current().name)[levels]
    border = QColor(theme.current().border)
    colours[undefined] = (border.red(), border.green(), border.blue())
    return colours


def needs_dark_text(colours: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return whether dark text is readable on each (..., 3) colour, by its relative luminance (WCAG 2)."""
    share = colours / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    dark: NDArray[np.bool_] = linear @ (0.2126, 0.7152, 0.0722) > 0.18
    return dark


def text_colour(*, dark: bool) -> QColor:
    """Return the colour of text on a coloured cell."""
    return QColor("#101114" if dark else "#ffffff")


def image_of_colours(colours: NDArray[np.uint8]) -> QImage:
    """Return a picture of (rows, columns, 3) RGB or (rows, columns, 4) RGBA, row 0 at the top."""
    rows, columns, channels = colours.shape
    form = QImage.Format.Format_RGB888 if channels == 3 else QImage.Format.Format_RGBA8888
    return QImage(np.ascontiguousarray(colours).data, columns, rows, channels * columns, form).copy()
