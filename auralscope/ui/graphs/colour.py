"""Colours of pictures: maps for levels and values, the overlay, and the theme's colours for panes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor, QPalette

from auralscope.display.pyramid import LOWEST_DB, STEP_DB

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOUR_MAPS = ("magma", "inferno", "plasma", "viridis", "cividis", "grey")
"""Perceptually uniform colour maps; the first is the default."""

FULL_SCALE_PERCENTILE = 99.5

# Colours of faint and of strong values: far from the map's own hues, and mixed with the map's bright colours they give
# no third hue (cyan over orange would be olive).
_OVERLAY_RGB = {
    "viridis": ((150, 0, 110), (255, 90, 160)),
    "cividis": ((150, 0, 90), (255, 80, 120)),
    "grey": ((120, 60, 0), (255, 150, 30)),
}
_OVERLAY_ELSE_RGB = ((45, 40, 200), (60, 235, 235))


@cache
def colour_table(name: str) -> NDArray[np.uint8]:
    """Return the (256, 3) RGB table of a colour map."""
    colours = pg.colormap.get("CET-L1" if name == "grey" else name)
    table: NDArray[np.uint8] = colours.getLookupTable(0.0, 1.0, 256)[:, :3]
    return table


def level_lut(name: str, floor_db: float, ceiling_db: float) -> NDArray[np.uint32]:
    """Return (256,) opaque ARGB for the bytes of `auralscope.display.pyramid.quantise`."""
    levels_db = LOWEST_DB + STEP_DB * np.arange(256)
    shade = np.clip((levels_db - floor_db) / max(ceiling_db - floor_db, STEP_DB), 0.0, 1.0)
    return _argb(colour_table(name)[np.rint(255 * shade).astype(np.intp)], np.ones(256))


def value_lut(name: str) -> NDArray[np.uint32]:
    """Return (256,) opaque ARGB for bytes that cover the whole map."""
    return _argb(colour_table(name), np.ones(256))


def full_scale(image: NDArray[np.floating]) -> float:
    """Return the value of the brightest colour: the 99.5th percentile of an image's positive values, 0 without any.

    A single cell of a deconvolution may be many times stronger than all others. Scaled by the largest value, the rest
    of the picture would be dark.
    """
    positive = image[image > 0.0]
    return float(np.percentile(positive, FULL_SCALE_PERCENTILE)) if positive.size else 0.0


def overlay_lut(name: str, opacity: float) -> NDArray[np.uint32]:
    """Return (256,) premultiplied ARGB for an image over a spectrogram that is drawn with the colour map `name`.

    The colours go from black through two hues that the map does not have to white. A higher `opacity` also dims the
    spectrogram below; at 1 only the image is visible.
    """
    value = np.linspace(0.0, 1.0, 256)
    faint, strong = _OVERLAY_RGB.get(name, _OVERLAY_ELSE_RGB)
    stops = np.array([(0, 0, 0), faint, strong, (255, 255, 255)], dtype=np.float64)
    colours = np.stack([np.interp(value, (0.0, 0.25, 0.7, 1.0), channel) for channel in stops.T], axis=1)
    everywhere = opacity**2
    alpha = opacity * (everywhere + (1.0 - everywhere) * np.minimum(2.0 * value, 1.0))
    return _argb(colours, alpha)


def _argb(colours: NDArray[np.generic], alpha: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Convert (n, 3) in 0..255 and (n,) in 0..1 to premultiplied 32-bit ARGB."""
    premultiplied = np.rint(colours.astype(np.float64) * alpha[:, None]).astype(np.uint32)
    opaque = np.rint(255.0 * alpha).astype(np.uint32)
    red, green, blue = premultiplied.T
    return np.asarray((opaque << 24) | (red << 16) | (green << 8) | blue, dtype=np.uint32)


@dataclass(frozen=True)
class PaneColours:
    """The colours of a pane, taken from its palette, readable in both themes.

    `plate` is the background of a text over a picture; `model` marks the model's window.
    """

    background: QColor
    text: QColor
    dim: QColor
    accent: QColor
    on_accent: QColor
    model: QColor
    plate: QColor

    @classmethod
    def of(cls, palette: QPalette) -> PaneColours:
        background = palette.color(QPalette.ColorRole.Window)
        text = palette.color(QPalette.ColorRole.WindowText)
        dark = background.lightness() < 128
        plate = QColor(background)
        plate.setAlpha(225)
        return cls(
            background=background,
            text=text,
            dim=_mix(text, background, 0.4),
            accent=palette.color(QPalette.ColorRole.Highlight),
            on_accent=palette.color(QPalette.ColorRole.HighlightedText),
            model=QColor("#ff9d57") if dark else QColor("#c2500c"),
            plate=plate,
        )


def _mix(one: QColor, other: QColor, share: float) -> QColor:
    return QColor.fromRgbF(
        *(
            (1 - share) * a + share * b
            for a, b in zip(one.getRgbF()[:3], other.getRgbF()[:3], strict=True)  # type: ignore[index]
        )
    )


def argb_of(colour: QColor) -> int:
    """Return an opaque colour as 32-bit ARGB."""
    return colour.rgb() | 0xFF000000
