"""Heatmap of labels against labels: names, colours, numbers and tree, with a cell under the pointer or the keys."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from auralscope.ui import theme
from auralscope.ui.graphs import heatmap_painting as painting
from auralscope.ui.graphs.heatmap_layout import NOWHERE, Layout, Matrix

STEPS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class Heatmap(QWidget):
    """A matrix of labels against labels.

    The mouse hovers over a cell or a name, the arrow keys go from cell to cell (the names are left of the first
    column), Enter and a click choose. What does not depend on the pointer is painted once and kept as a picture.

    Parameters
    ----------
    name : str
        For screen readers.
    beside : Heatmap, optional
        The heatmap to the left of this one, of the same height and with the same rows. It shows the rows' names.
    """

    hovered = Signal(int, int)
    """Row and column; -1, -1 for none, and column -1 for a name."""
    chosen = Signal(int, int)

    def __init__(self, name: str, beside: Heatmap | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.names = beside is None
        self._beside = beside
        self.matrix: Matrix | None = None
        self.cell = NOWHERE
        self._selected: tuple[int, ...] = ()
        self._picture: QPixmap | None = None
        self._parts: Layout | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(520, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(220, 200)

    # -- what is shown -----------------------------------------------------------------------------------------------

    def show_matrix(self, matrix: Matrix | None) -> None:
        """Show another matrix."""
        self.matrix = matrix
        self.cell = NOWHERE
        self._selected = ()
        self._redraw()

    def select(self, labels: tuple[int, ...]) -> None:
        """Mark a label (its row and column), or a pair (its two cells)."""
        self._selected = labels
        self.update()

    def hover(self, row: int, column: int) -> None:
        """Show a cell as hovered without emitting `hovered`."""
        self.cell = (row, column)
        self.update()

    @property
    def parts(self) -> Layout:
        """The layout at the widget's present size."""
        if self._parts is None:
            labels = self.matrix.labels if self.matrix is not None else ()
            tree = self.names and self.matrix is not None and self.matrix.linkage is not None
            beside = self._beside.parts if self._beside is not None else None
            self._parts = Layout.fit(self.size(), labels, self.font(), names=self.names, tree=tree, beside=beside)
        return self._parts

    def cell_at(self, point: QPoint) -> tuple[int, int]:
        """Return row and column at a point; see `Layout.cell_at`."""
        return self.parts.cell_at(point) if self.matrix is not None else NOWHERE

    def _redraw(self) -> None:
        """Paint everything again: size, theme or matrix changed."""
        self._picture = self._parts = None
        self.update()

    # -- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.matrix is None:
            return
        if self._picture is None or self._picture.devicePixelRatio() != self.devicePixelRatioF():
            self._picture = self._paint_picture(self.matrix)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        self._paint_selection(painter, self.matrix)
        self._paint_hovered(painter)
        if self.hasFocus():
            painter.setPen(QColor(theme.current().original))
            painter.drawRect(self.parts.cells.adjusted(-2, -2, 1, 1))

    def _paint_picture(self, matrix: Matrix) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setFont(self.font())
        painting.draw(painter, matrix, self.parts)
        painter.end()
        return picture

    def _paint_selection(self, painter: QPainter, matrix: Matrix) -> None:
        parts, selected, last = self.parts, self._selected, len(matrix.labels) - 1
        painter.setPen(QPen(QColor(theme.current().feature), 2))
        if len(selected) == 1:
            row = selected[0]
            for first, end in (((row, 0), (row, last)), ((0, row), (last, row))):
                painter.drawRect(parts.rect(*first).united(parts.rect(*end)).adjusted(0, 0, -1, -1))
        elif len(selected) == 2:
            for row, column in (selected, selected[::-1]):
                if matrix.drawn[row, column]:
                    painter.drawRect(parts.rect(row, column).adjusted(-1, -1, 0, 0))

    def _paint_hovered(self, painter: QPainter) -> None:
        row, column = self.cell
        if row < 0:
            return
        parts, colours = self.parts, theme.current()
        tint = QColor(colours.original)
        tint.setAlpha(60)
        for name in (parts.rect(row, -1), parts.rect(-1, column if column >= 0 else row)):
            painter.fillRect(name, tint)
        if column >= 0:
            painter.setPen(QPen(QColor(colours.text), 2))
            painter.drawRect(parts.rect(row, column).adjusted(-1, -1, 0, 0))

    # -- mouse and keys ----------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._go_to(self._shown_cell_at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        self._go_to(NOWHERE)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self._shown_cell_at(event.position().toPoint()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if self.matrix is not None and self.matrix.labels and event.key() in STEPS and not control:
            self._step(self.matrix, *STEPS[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.cell != NOWHERE:
            self._choose(self.cell)
        else:
            super().keyPressEvent(event)

    def _shown_cell_at(self, point: QPoint) -> tuple[int, int]:
        """Return the cell at a point, `NOWHERE` in the half that is left out; the diagonal stands for the label."""
        row, column = self.cell_at(point)
        return NOWHERE if self.matrix is not None and self.matrix.half and column > row else (row, column)

    def _choose(self, cell: tuple[int, int]) -> None:
        row, column = cell
        if row >= 0:
            self.chosen.emit(row, row if column < 0 else column)

    def _step(self, matrix: Matrix, down: int, right: int) -> None:
        if self.cell == NOWHERE:
            self._go_to((0, -1))
            return
        last = len(matrix.labels) - 1
        row = min(max(self.cell[0] + down, 0), last)
        self._go_to((row, min(max(self.cell[1] + right, -1), row if matrix.half else last)))

    def _go_to(self, cell: tuple[int, int]) -> None:
        if cell != self.cell:
            self.hover(*cell)
            self.hovered.emit(*cell)

    # -- Qt ----------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row, column = self.cell_at(event.pos())
            name = self.matrix.labels[row] if self.matrix is not None and row >= 0 and column < 0 else ""
            QToolTip.showText(event.globalPos(), name, self)
            return True
        if event.type() == QEvent.Type.PaletteChange:
            self._redraw()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._redraw()
        super().resizeEvent(event)
