"""Draw the receptive field of a feature map's cell over the spectrogram and over the model's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt

from auralscope.ui.graphs.items import ViewItem

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QPainter
    from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

COLOUR = "#ffffff"


class FieldItem(ViewItem):
    """Frame of a receptive field; its heights are computed at each painting, as the frequency axis may change."""

    def __init__(self) -> None:
        super().__init__()
        self.setZValue(12)
        self._span_s = (0.0, 0.0)
        self._edges: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0)
        self.hide()

    def show_field(self, span_s: tuple[float, float], edges: Callable[[], tuple[float, float]]) -> None:
        """Frame a span of time; `edges` returns its lowest and its highest position in the view's units."""
        self.prepareGeometryChange()
        self._span_s, self._edges = span_s, edges
        self.show()
        self.update()

    @property
    def rect(self) -> QRectF:
        """The frame in the view's units."""
        low, high = self._edges()
        return QRectF(self._span_s[0], low, self._span_s[1] - self._span_s[0], high - low)

    def boundingRect(self) -> QRectF:
        bottom, top, pixel = self.heights()
        reach = 3 * self.pixel_s()
        left, right = self._span_s[0] - reach, self._span_s[1] + reach
        return QRectF(left, bottom - 3 * pixel, right - left, top - bottom + 6 * pixel)

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        for colour, width in (((0, 0, 0, 200), 4.0), (COLOUR, 1.6)):
            pen = pg.mkPen(colour, width=width)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(self.rect)
