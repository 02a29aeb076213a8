"""The network's input for one window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from auralscope.display.scales import BinAxis
from auralscope.display.ticks import note_name, time_label
from auralscope.ui.graphs.axes import FrequencyAxisItem, restyle, time_plot
from auralscope.ui.graphs.colour import COLOUR_MAPS, PaneColours, value_lut
from auralscope.ui.graphs.items import PictureItem, PlayheadItem
from auralscope.ui.graphs.readout import PointerReadout

if TYPE_CHECKING:
    from numpy.typing import NDArray


class InputPane(QWidget):
    """Picture of a network's input, one row a bin. Only its colours can be changed."""

    readout_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("The model's input"))
        self.setMinimumSize(120, 80)
        self._image: NDArray[np.float32] | None = None
        self._axis = BinAxis([0.0, 1.0])
        self._start_s, self._hop_s = 0.0, 1.0
        self._colour_map = COLOUR_MAPS[0]
        self._frequency_axis = FrequencyAxisItem()
        self.box = pg.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0.0)
        self.box.disableAutoRange()
        self.plot = time_plot(self.box, self._frequency_axis)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self._picture = PictureItem()
        self._playhead = PlayheadItem()
        self._playhead.hide()
        for item in (self._picture, self._playhead):
            self.box.addItem(item, ignoreBounds=True)
        self._readout = PointerReadout(self.plot, self._text_at)
        self._readout.changed.connect(self.readout_changed)
        self._restyle()

    def show_input(
        self,
        image: NDArray[np.float32],
        frequencies_hz: NDArray[np.float64],
        hop_s: float,
        start_s: float,
        value_range: tuple[float, float],
    ) -> None:
        """Show a network's input.

        Parameters
        ----------
        image : (bins, frames) array
        frequencies_hz : (bins,) array, increasing
        hop_s, start_s : float
            Frame f is centred on `start_s` + f * `hop_s`.
        value_range : (float, float)
            Values of the darkest and the brightest colour.
        """
        bins, frames = image.shape
        self._image = image
        self._axis = BinAxis(frequencies_hz)
        self._start_s, self._hop_s = start_s, hop_s
        low, high = value_range
        rows = np.clip((image - low) * (255.0 / max(high - low, 1e-12)), 0.0, 255.0)
        left_s = start_s - hop_s / 2
        self._picture.set_rows(
            np.rint(rows).astype(np.uint8), QRectF(left_s, -0.5, frames * hop_s, bins), value_lut(self._colour_map)
        )
        self._frequency_axis.set_axis(self._axis)
        self.box.setRange(xRange=(left_s, left_s + frames * hop_s), yRange=(-0.5, bins - 0.5), padding=0)
        self._readout.refresh()

    def clear(self) -> None:
        """Show nothing."""
        self._image = None
        self._picture.set_rows(np.zeros((0, 0), np.uint8), QRectF(), value_lut(self._colour_map))
        self._readout.refresh()

    def set_colour_map(self, name: str) -> None:
        """Use one of `COLOUR_MAPS`."""
        self._colour_map = name
        self._picture.recolour(value_lut(name))

    def set_playhead(self, time_s: float) -> None:
        """Move the playhead and hide it outside the window."""
        self._playhead.setValue(time_s)
        first_s, last_s = self.box.viewRange()[0]
        self._playhead.setVisible(self._image is not None and first_s <= time_s <= last_s)

    def _text_at(self, at: QPointF) -> str:
        row, column = round(at.y()), round((at.x() - self._start_s) / self._hop_s)
        if self._image is None or not (0 <= row < self._image.shape[0] and 0 <= column < self._image.shape[1]):
            return ""
        hz = float(self._axis.frequencies_hz[row])
        value = f"{float(self._image[row, column]):.3g}"
        frame_s = self._start_s + column * self._hop_s
        parts = (time_label(max(frame_s, 0.0)), f"{hz:,.1f} Hz", note_name(hz), value)
        return " · ".join(part for part in parts if part)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ApplicationPaletteChange):
            self._restyle()

    def _restyle(self) -> None:
        colours = PaneColours.of(self.palette())
        restyle(self.plot, colours)
        self._readout.restyle(colours)
