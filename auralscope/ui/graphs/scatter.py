"""Scatter of points: one is under the pointer, some are selected, some are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from auralscope.ui import theme
from auralscope.ui.graphs.colour import PaneColours
from auralscope.ui.graphs.readout import ReadoutLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MARGIN, DEEPEST_ZOOM = 0.5, 200.0
"""The wheel shows at most this share of the points' extent around them, and at least its 200th part."""

NEAR_PX = 12.0
"""A point takes the mouse up to this distance."""

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#8a6fd1")
"""After Okabe and Ito (2008), adapted to both themes: every kind of colour vision distinguishes them."""
SYMBOLS = ("o", "s", "t", "d", "+", "star")
"""Shapes of points, as pyqtgraph names them."""


def group_colour(group: int) -> str:
    """Return the colour of a group of points, by its number."""
    return COLOURS[group % len(COLOURS)]


class ScatterPane(QWidget):
    """Points in a plane that can be hovered and clicked. The wheel zooms, a double click beside points shows all.

    Parameters
    ----------
    name : str
        For screen readers.
    across, up : str
        Names of the axes; an axis without a name is not drawn.
    """

    hovered = Signal(int)
    """The point nearest to the pointer; -1 for none."""
    chosen = Signal(int)

    def __init__(self, name: str, across: str = "", up: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.plot = pg.PlotWidget(background=None)
        self.plot.setMinimumSize(160, 120)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self._axes = (across, up)
        self.box = self.plot.getPlotItem().getViewBox()
        self.box.setDefaultPadding(0.06)
        self.points = pg.ScatterPlotItem(pxMode=True, pen=None)
        self.line = pg.PlotDataItem()
        self.near = pg.ScatterPlotItem(pxMode=True, size=12, brush=None)
        self.selected = pg.ScatterPlotItem(pxMode=True, size=14, brush=None)
        self.intervals = pg.ErrorBarItem(x=np.zeros(0), y=np.zeros(0), top=np.zeros(0), bottom=np.zeros(0))
        for item in (self.intervals, self.line, self.points, self.selected, self.near):
            self.plot.addItem(item)
        self._names: list[pg.TextItem] = []
        self.readout = ReadoutLabel(self)
        self._at: NDArray[np.float64] = np.zeros((0, 2))
        self._texts: Sequence[str] = ()
        self._point = -1
        self._has_own_colours = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.plot.viewport().installEventFilter(self)
        self._restyle()

    def show_points(
        self,
        at: NDArray[np.float64],
        texts: Sequence[str],
        colours: Sequence[QColor] | None = None,
        size: int = 6,
        symbols: Sequence[str] | str = "o",
    ) -> None:
        """Show other points, with neither line, intervals nor names.

        Parameters
        ----------
        at : (points, 2) array
        texts : sequence of str
            Read-out of each point.
        colours : sequence of QColor, optional
            By default the theme's accent for all points.
        size : int
            In pixels.
        symbols : sequence of str, or str
            pyqtgraph's names of the shapes.
        """
        self._at, self._texts, self._point = at, texts, -1
        self._has_own_colours = colours is not None
        self.points.setData(x=at[:, 0], y=at[:, 1], size=size, symbol=symbols)
        if colours is not None:
            self.points.setBrush([pg.mkBrush(colour) for colour in colours])
        for item in (self.near, self.selected):
            item.setData(x=[], y=[])
        self.line.setData([], [])
        self.draw_intervals(np.zeros(0), np.zeros(0))
        self.name_points({})
        self.readout.show_text("")
        self._limit_zoom()
        self.show_all()
        self._restyle()

    def show_all(self) -> None:
        """Show all points."""
        self.box.enableAutoRange()

    def _limit_zoom(self) -> None:
        """Let the wheel zoom from all points with a margin to `DEEPEST_ZOOM` times less."""
        if not len(self._at):
            return
        lowest, highest = self._at.min(axis=0), self._at.max(axis=0)
        span = np.where(highest > lowest, highest - lowest, 1.0)
        low, high = lowest - MARGIN * span, highest + MARGIN * span
        least = span / DEEPEST_ZOOM
        self.box.setLimits(xMin=low[0], xMax=high[0], yMin=low[1], yMax=high[1], minXRange=least[0], minYRange=least[1])

    def draw_intervals(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """Draw a vertical line through each point, from `low` to `high`; none where these are NaN or empty."""
        at = self._at[np.isfinite(low)] if low.size else np.zeros((0, 2))
        low, high = low[np.isfinite(low)], high[np.isfinite(low)]
        self.intervals.setData(x=at[:, 0], y=at[:, 1], top=high - at[:, 1], bottom=at[:, 1] - low)

    def set_axes(self, across: str, up: str) -> None:
        """Rename the axes."""
        self._axes = (across, up)
        self._restyle()

    def draw_line(self, slope: float, intercept: float) -> None:
        """Draw a straight line over the width of the points."""
        if len(self._at):
            ends = np.array([self._at[:, 0].min(), self._at[:, 0].max()])
            self.line.setData(ends, slope * ends + intercept)

    def name_points(self, names: dict[int, str]) -> None:
        """Write names beside points, the first ones first; a name that would cover another one is left out."""
        for item in self._names:
            self.plot.removeItem(item)
        self._names = []
        if not names:
            return
        colours, font = PaneColours.of(self.palette()), self.font()
        font.setPixelSize(11)
        lowest, highest = self._at.min(axis=0), self._at.max(axis=0)
        reach = (highest - lowest) * (0.25, 0.06)
        taken: list[NDArray[np.float64]] = []
        for point, name in names.items():
            at = self._at[point]
            if any((np.abs(at - other) < reach).all() for other in taken):
                continue
            taken.append(at)
            side = -0.05 if at[0] < (lowest[0] + highest[0]) / 2.0 else 1.05
            item = pg.TextItem(name, color=colours.text, fill=colours.plate, anchor=(side, 0.5))
            item.setFont(font)
            item.setPos(*at.tolist())
            self.plot.addItem(item, ignoreBounds=True)
            self._names.append(item)

    def select(self, points: Sequence[int]) -> None:
        """Mark points as selected; those that do not exist are ignored."""
        self._ring(self.selected, points)

    def hover(self, point: int) -> None:
        """Show a point as hovered without emitting `hovered`; -1 for none."""
        if point != self._point:
            self._point = point
            self._ring(self.near, [point])
            self.readout.show_text(self._texts[point] if point >= 0 else "")

    def _ring(self, item: pg.ScatterPlotItem, points: Sequence[int]) -> None:
        there = [point for point in points if 0 <= point < len(self._at)]
        item.setData(x=self._at[there, 0], y=self._at[there, 1])

    def nearest(self, position: Any) -> int:
        """Return the point nearest to a position of the scene; -1 if none is within `NEAR_PX`."""
        if not len(self._at):
            return -1
        here = self.box.mapSceneToView(position)
        distance_px = np.hypot(*((self._at - (here.x(), here.y())) / self.box.viewPixelSize()).T)
        best = int(distance_px.argmin())
        return best if distance_px[best] <= NEAR_PX else -1

    # -- mouse and theme ---------------------------------------------------------------------------------------------

    def _moved(self, position: Any) -> None:
        self._go_to(self.nearest(position))

    def _go_to(self, point: int) -> None:
        if point != self._point:
            self.hover(point)
            self.hovered.emit(point)

    def _clicked(self, event: Any) -> None:
        point = self.nearest(event.scenePos())
        if event.double() and point < 0:
            self.show_all()
        if event.button() == Qt.MouseButton.LeftButton and point >= 0:
            self.chosen.emit(point)

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._go_to(-1)
        return False

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._restyle()

    def _restyle(self) -> None:
        colours = PaneColours.of(self.palette())
        self.readout.restyle(colours)
        for side, text in zip(("bottom", "left"), self._axes, strict=True):
            axis = self.plot.getAxis(side)
            axis.setVisible(bool(text))
            axis.setPen(colours.dim)
            axis.setTextPen(colours.text)
            axis.setLabel(text, siPrefixEnableRanges=())  # shares stay shares, not thousandths
        if not self._has_own_colours:
            accent = QColor(colours.accent)
            accent.setAlpha(150)
            self.points.setBrush(accent)
        self.near.setPen(pg.mkPen(colours.text, width=2))
        self.selected.setPen(pg.mkPen(theme.current().feature, width=2))
        self.intervals.setOpts(pen=pg.mkPen(colours.dim, width=1))
        self.line.setPen(pg.mkPen(colours.dim, width=1, style=Qt.PenStyle.DashLine))
        for name in self._names:
            name.setColor(colours.text)
            name.fill = pg.mkBrush(colours.plate)
