"""The chosen unit's feature map, with the receptive field of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QPushButton, QSizePolicy, QWidget

from auralscope.session.receptive_field import sentence as field_sentence
from auralscope.session.receptive_field import strongest_cell
from auralscope.ui import theme
from auralscope.ui.panes.gallery_model import picture_of
from auralscope.ui.widgets.layouts import in_column, in_row
from auralscope.ui.widgets.sentences import sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.session.receptive_field import Cell
    from auralscope.session.session import Session

STEPS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (1, 0),
    Qt.Key.Key_Down: (-1, 0),
}


class MapView(QFrame):
    """Picture of a feature map, lowest bin at the bottom. The mouse or the arrow keys mark a cell."""

    pointed = Signal(object)
    """Cell under the pointer, or None when the pointer leaves."""
    marked = Signal(object)
    """Cell that was clicked or reached with the arrow keys."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._picture = QImage()
        self._cell: Cell | None = None
        self.setAccessibleName("Feature map: the arrow keys move from cell to cell")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 84)

    def sizeHint(self) -> QSize:
        return QSize(300, 110)

    def show_map(self, values: NDArray[np.float32], colours: list[int]) -> None:
        """Show a feature map (bins, frames)."""
        self._values = values
        self._picture = picture_of(values, colours, whole=True)
        self.update()

    def mark(self, cell: Cell | None) -> None:
        """Draw a frame around a cell, or none."""
        self._cell = cell
        self.update()

    def cell_at(self, at: QPointF) -> Cell | None:
        """Return the cell at a point of the widget."""
        bins, frames = self._values.shape
        column, row = int(at.x() * frames // max(self.width(), 1)), int(at.y() * bins // max(self.height(), 1))
        inside = 0 <= row < bins and 0 <= column < frames
        return (bins - 1 - row, column) if inside else None

    def rect_of(self, cell: Cell) -> QRectF:
        """Return the rectangle of a cell in the widget."""
        bins, frames = self._values.shape
        wide, high = self.width() / frames, self.height() / bins
        return QRectF(cell[1] * wide, (bins - 1 - cell[0]) * high, wide, high)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawImage(QRectF(self.rect()), self._picture, QRectF(self._picture.rect()))
        if self._cell is not None:
            rect = self.rect_of(self._cell).adjusted(-1, -1, 1, 1)
            for colour, width in ((QColor(0, 0, 0, 200), 4), (QColor("white"), 2)):
                painter.setPen(QPen(colour, width))
                painter.drawRect(rect)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.current().original), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.pointed.emit(self.cell_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is not None:
            self.marked.emit(cell)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.pointed.emit(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed.emit(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        by = STEPS.get(Qt.Key(event.key()))
        if by is None or self._cell is None:
            super().keyPressEvent(event)
            return
        bins, frames = self._values.shape
        row, column = self._cell[0] + by[0], self._cell[1] + by[1]
        self.marked.emit((min(max(row, 0), bins - 1), min(max(column, 0), frames - 1)))


class FeatureMapPane(QWidget):
    """Feature map with a description of a cell's receptive field, and a button that repeats it.

    It is visible while the gallery shows feature maps and a unit with a map is chosen. It starts at the strongest cell.
    """

    def __init__(self, session: Session, colours: list[int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._colours = colours
        self._on = False
        self._of: object = None
        self._marked: Cell | None = None
        self._cell: Cell | None = None
        self.view = MapView()
        self.words = sentence("dim")
        self.words.setMinimumHeight(2 * self.words.fontMetrics().lineSpacing() + 2)
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.loop = QPushButton("Loop cell")
        self.loop.setAccessibleName("Repeat the receptive field of the cell")
        self.loop.setToolTip(
            "Repeat the receptive field of this cell (K). A and B switch between recording and feature."
        )
        self.loop.clicked.connect(self.repeat)
        in_column(self, (self.view, 1), in_row((self.words, 1), self.loop))
        self.view.pointed.connect(self._point)
        self.view.marked.connect(self._mark)
        session.unit_changed.connect(self.refresh)
        session.gallery.layer_result_changed.connect(self.refresh)
        session.receptive_fields.changed.connect(self._say)
        self.refresh()

    def set_on(self, on: bool) -> None:
        """Set whether the gallery shows feature maps."""
        self._on = on
        self.refresh()

    def set_colours(self, colours: list[int]) -> None:
        """Use the colours of the gallery."""
        self._colours, self._of = colours, None
        self.refresh()

    def refresh(self) -> None:
        """Show the chosen unit's feature map, if it has one."""
        session, layer, unit = self._session, self._session.gallery.layer_result, self._session.unit
        there = self._on and layer is not None and unit is not None and layer.maps.ndim == 3
        self.setVisible(there)
        if not there or layer is None or unit is None:
            if self._of is not None:
                session.receptive_fields.clear()
            self._of = None
            return
        of = (session.window_result, session.layer, unit)
        if self._of != of:
            self._of = of
            self.view.show_map(layer.maps[unit], self._colours)
            self._mark(strongest_cell(layer.maps[unit]))
        elif session.receptive_fields.result is None and self._marked is not None:
            self._show_cell(self._marked)  # same map, another attribution method

    def repeat(self) -> None:
        """Loop the part of the recording in the receptive field of the cell."""
        result = self._session.receptive_fields.result
        if result is not None:
            self._session.listening.repeat(result.span_s)

    def _mark(self, cell: Cell) -> None:
        self._marked = cell
        self._show_cell(cell)

    def _point(self, cell: Cell | None) -> None:
        shown = cell if cell is not None else self._marked
        if shown is not None:
            self._show_cell(shown)

    def _show_cell(self, cell: Cell) -> None:
        if cell != self._cell or self._session.receptive_fields.result is None:
            self._cell = cell
            self.view.mark(cell)
            self._session.choose_cell(cell)
            self._say()

    def _say(self) -> None:
        result = self._session.receptive_fields.result
        there = result is not None and result.cell == self._cell
        self.loop.setEnabled(there)
        if self._session.receptive_fields.problem:
            self.words.setText(self._session.receptive_fields.problem)
        if result is None or not there:
            return  # keep the previous text until the result is there
        layer, unit = self._session.gallery.layer_result, self._session.unit
        value = f" = {layer.maps[unit][result.cell]:.3g}" if layer is not None and unit is not None else ""
        self.words.setText(f"Cell {result.cell[0]}, {result.cell[1]}{value} {field_sentence(result)}")
