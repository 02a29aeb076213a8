"""A frame around what a cell of a feature map saw, over the spectrogram and over the model's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from auralscope.ui.graphs.items import ViewItem

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

COLOUR = "#ffffff"


class FieldItem(ViewItem):
    """A rectangle whose heights are asked for when it is painted: an axis may have changed."""

    def __init__(self) -> None:
        super().__init__()
        self.setZValue(12)
        self._span_s = (0.0, 0.0)
        self._edges: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0)
        self.hide()

    def show_field(self, span_s: tuple[float, float], edges: Callable[[], tuple[float, float]]) -> None:
        """Frame a stretch of time between the heights that `edges` says, in the view's units."""
        self.prepareGeometryChange()
        self._span_s, self._edges = span_s, edges
        self.show()
        self.update()

    @property
    def rect(self) -> QRectF:
        """In the view's units."""
        low, high = self._edges()
        return QRectF(self._span_s[0], low, self._span_s[1] - self._span_s[0], high - low)

    def boundingRect(self) -> QRectF:
        bottom, top, pixel = self.heights()
        reach = 3 * self.pixel_s()
        left, right = self._span_s[0] - reach, self._span_s[1] + reach
        return QRectF(left, bottom - 3 * pixel, right - left, top - bottom + 6 * pixel)

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(0, 0, 0, 200), 4.0), (QColor(COLOUR), 1.6)):
            pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap, Qt.PenJoinStyle.MiterJoin)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawRect(self.rect)
