"""Curves over the spectrogram: each label's probability along time, with a legend."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QLabel, QStyleOptionGraphicsItem, QWidget

from auralscope.ui.graphs.items import ViewItem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.ui.graphs.timeline import TimePane

COLOURS = ("#5ec8ff", "#ffe14d", "#4df0a0", "#ff8ad0", "#ffffff", "#ff9440", "#b7a0ff", "#c3f36b")
"""Light colours, as spectrograms are mostly dark; readers who see no red or no green can distinguish them."""

STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
"""Line styles that distinguish the curves when there are more curves than colours."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A label's probability along time.

    Attributes
    ----------
    name : str
    number : int
        Selects its colour and line style.
    times_s : (points,) float64 array
        Not decreasing.
    heights : (points,) float array
        0 at the bottom of the view, 1 at the top.
    """

    name: str
    number: int
    times_s: NDArray[np.float64]
    heights: NDArray[np.floating]


def curve_colour(number: int) -> QColor:
    """Return the colour of a curve's number."""
    return QColor(COLOURS[number % len(COLOURS)])


class CurvesOver:
    """Curves over a pane along time, with a legend in its corner."""

    def __init__(self, pane: TimePane) -> None:
        self._pane = pane
        self.item = CurvesItem()
        pane.box.addItem(self.item, ignoreBounds=True)
        self.legend = LegendLabel(pane.plot)

    def show(self, curves: list[Curve], top: float) -> None:
        """Show curves; the height 1 stands for the probability `top`."""
        self.item.set_curves(curves)
        self.legend.show_curves(curves, top, round(self._pane.plot.getAxis("left").width()))


class CurvesItem(ViewItem):
    """Curves over the full height of the view, independent of the visible frequencies."""

    INSET_PX = 4

    def __init__(self) -> None:
        super().__init__()
        self.setZValue(8)
        self.curves: list[Curve] = []

    def set_curves(self, curves: list[Curve]) -> None:
        self.prepareGeometryChange()
        self.curves = curves
        self.update()

    def boundingRect(self) -> QRectF:
        box = self.getViewBox()
        return QRectF(box.viewRect()) if box is not None and self.curves else QRectF()

    def points(self, curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return times and heights of a curve in the view's units, cut at the edges of the view."""
        first_s, last_s = self.getViewBox().viewRange()[0]
        first_s, last_s = max(first_s, curve.times_s[0]), min(last_s, curve.times_s[-1])
        if first_s >= last_s:
            return np.empty(0), np.empty(0)
        inside = (curve.times_s > first_s) & (curve.times_s < last_s)
        times_s = np.concatenate([[first_s], curve.times_s[inside], [last_s]])
        width_px = max(round(self.getViewBox().width()), 2)
        if len(times_s) > width_px:  # windows overlap: neighbouring values are similar
            times_s = np.linspace(first_s, last_s, width_px)
        heights = np.interp(times_s, curve.times_s, curve.heights)
        bottom, top, pixel = self.heights()
        inset = self.INSET_PX * pixel
        return times_s, bottom + inset + heights * (top - bottom - 2 * inset)

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for curve in self.curves:
            line = QPolygonF([QPointF(x, y) for x, y in zip(*self.points(curve), strict=True)])
            style = STYLES[curve.number // len(COLOURS) % len(STYLES)]
            for colour, width in ((QColor(0, 0, 0, 190), 5.0), (curve_colour(curve.number), 2.2)):
                pen = QPen(colour, width, style, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.RoundJoin)
                pen.setCosmetic(True)
                painter.setPen(pen)
                painter.drawPolyline(line)


class LegendLabel(QLabel):
    """Legend in the upper left corner of a picture; it lets the mouse through."""

    MARGIN_PX = 8
    MOST = 8

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setTextFormat(Qt.TextFormat.RichText)
        # Dark in both themes: the curves' colours are made for dark pictures.
        self.setStyleSheet("color: #f4f4f6; background: rgba(0, 0, 0, 140); border-radius: 4px; padding: 2px 6px;")
        self.hide()

    def show_curves(self, curves: list[Curve], top: float, axis_px: int) -> None:
        """List curves, or hide without any; `axis_px` is the width of the axis left of the picture."""
        lines = [
            f'<span style="color: {curve_colour(curve.number).name()}">━━</span> {escape(curve.name)}'
            for curve in curves[: self.MOST]
        ]
        if len(curves) > self.MOST:
            lines.append(f"and {len(curves) - self.MOST} more")
        if curves:
            lines.append(f'<span style="color: #b9bac2">from 0 to {100 * top:.0f} %</span>')
        self.setVisible(bool(curves))
        self.setText("<br>".join(lines))
        self.adjustSize()
        self.move(axis_px + self.MARGIN_PX, 2 * self.MARGIN_PX)
