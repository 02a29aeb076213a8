"""Points in a plane: one is under the pointer, one is chosen, some are named."""

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

NEAR_PX = 12.0


class ScatterPane(QWidget):
    """Points to look at and to click.

    Parameters
    ----------
    name : str
        For screen readers.
    across, up : str
        What the axes are; none is drawn where both are empty.
    """

    pointed = Signal(int)
    """The point that is nearest to the pointer; -1 for none."""
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
        self.marked = pg.ScatterPlotItem(pxMode=True, size=14, brush=None)
        self.intervals = pg.ErrorBarItem(x=np.zeros(0), y=np.zeros(0), top=np.zeros(0), bottom=np.zeros(0))
        for item in (self.intervals, self.line, self.points, self.marked, self.near):
            self.plot.addItem(item)
        self._names: list[pg.TextItem] = []
        self.readout = ReadoutLabel(self)
        self._at: NDArray[np.float64] = np.zeros((0, 2))
        self._texts: Sequence[str] = ()
        self._pointed = -1
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.plot.viewport().installEventFilter(self)
        self.restyle()

    def restyle(self) -> None:
        """After a change of theme."""
        colours = PaneColours.of(self.palette())
        self.readout.restyle(colours)
        for side, text in zip(("bottom", "left"), self._axes, strict=True):
            axis = self.plot.getAxis(side)
            axis.setVisible(bool(text))
            axis.setPen(colours.dim)
            axis.setTextPen(colours.text)
            axis.setLabel(text, siPrefixEnableRanges=())  # shares stay shares, not thousandths
        self.near.setPen(pg.mkPen(colours.text, width=2))
        self.marked.setPen(pg.mkPen(theme.current().feature, width=2))
        self.intervals.setOpts(pen=pg.mkPen(colours.dim, width=1))
        self.line.setPen(pg.mkPen(colours.dim, width=1, style=Qt.PenStyle.DashLine))
        for name in self._names:
            name.setColor(colours.text)
            name.fill = pg.mkBrush(colours.plate)

    def show_points(
        self,
        at: NDArray[np.float64],
        texts: Sequence[str],
        colours: Sequence[QColor] | QColor,
        size: int = 6,
        symbols: Sequence[str] | str = "o",
    ) -> None:
        """Show other points.

        Parameters
        ----------
        at : (points, 2) array
        texts : sequence of str
            What is said of each under the pointer.
        colours : QColor, or one a point
        size : int
            In pixels.
        symbols : str, or one a point
            As pyqtgraph names them.
        """
        self._at, self._texts, self._pointed = at, texts, -1
        brush: Any = [pg.mkBrush(colour) for colour in colours] if not isinstance(colours, QColor) else colours
        self.points.setData(x=at[:, 0], y=at[:, 1], brush=brush, size=size, symbol=symbols)
        for item in (self.near, self.marked):
            item.setData(x=[], y=[])
        self.line.setData([], [])
        self.draw_intervals(np.zeros(0), np.zeros(0))
        self.name_points({})
        self.readout.show_text("")
        self.box.enableAutoRange()

    def draw_intervals(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """An upright line through each point, from `low` to `high`; none where these are NaN or empty."""
        at = self._at[np.isfinite(low)] if low.size else np.zeros((0, 2))
        low, high = low[np.isfinite(low)], high[np.isfinite(low)]
        self.intervals.setData(x=at[:, 0], y=at[:, 1], top=high - at[:, 1], bottom=at[:, 1] - low)

    def set_axes(self, across: str, up: str) -> None:
        """Name the axes otherwise."""
        self._axes = (across, up)
        self.restyle()

    def draw_line(self, slope: float, intercept: float) -> None:
        """A straight line through the points."""
        if len(self._at):
            ends = np.array([self._at[:, 0].min(), self._at[:, 0].max()])
            self.line.setData(ends, slope * ends + intercept)

    def name_points(self, names: dict[int, str]) -> None:
        """Write a name beside some points, where the names before leave room for it."""
        for item in self._names:
            self.plot.removeItem(item)
        self._names = []
        colours = PaneColours.of(self.palette())
        lowest, highest = (self._at.min(axis=0), self._at.max(axis=0)) if names else (np.zeros(2), np.ones(2))
        taken: list[tuple[float, float]] = []
        wide, high = (highest - lowest).tolist()
        for point, name in names.items():
            x, y = self._at[point].tolist()
            if any(abs(x - left) < 0.25 * wide and abs(y - top) < 0.06 * high for left, top in taken):
                continue  # over another name it could not be read
            taken.append((x, y))
            centre = (lowest[0] + highest[0]) / 2.0
            item = pg.TextItem(
                name, color=colours.text, fill=colours.plate, anchor=(-0.05 if x < centre else 1.05, 0.5)
            )
            font = self.font()
            font.setPixelSize(11)
            item.setFont(font)
            item.setPos(x, y)
            self.plot.addItem(item, ignoreBounds=True)
            self._names.append(item)

    def mark(self, points: Sequence[int]) -> None:
        """Show which points are the chosen ones."""
        there = [point for point in points if 0 <= point < len(self._at)]
        self.marked.setData(x=self._at[there, 0], y=self._at[there, 1])

    def point(self, point: int) -> None:
        """Show the point that is meant elsewhere; -1 for none."""
        if point == self._pointed:
            return
        self._pointed = point
        there = [point] if 0 <= point < len(self._at) else []
        self.near.setData(x=self._at[there, 0], y=self._at[there, 1])
        self.readout.show_text(self._texts[point] if there else "")

    def nearest(self, position: Any) -> int:
        """The point next to a position of the scene; -1 where none is near."""
        if not len(self._at):
            return -1
        here = self.box.mapSceneToView(position)
        x_px, y_px = self.box.viewPixelSize()
        away = np.hypot((self._at[:, 0] - here.x()) / x_px, (self._at[:, 1] - here.y()) / y_px)
        best = int(away.argmin())
        return best if away[best] <= NEAR_PX else -1

    def _moved(self, position: Any) -> None:
        point = self.nearest(position)
        if point != self._pointed:
            self.point(point)
            self.pointed.emit(point)

    def _clicked(self, event: Any) -> None:
        point = self.nearest(event.scenePos())
        if event.button() == Qt.MouseButton.LeftButton and point >= 0:
            self.chosen.emit(point)

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave and self._pointed >= 0:
            self.point(-1)
            self.pointed.emit(-1)
        return False
