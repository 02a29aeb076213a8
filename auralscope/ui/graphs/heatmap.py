"""A matrix of labels against labels as a picture: its names, colours, numbers and tree, and the cell that is meant."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from auralscope.ui import theme
from auralscope.ui.graphs import heatmap_painting as painting
from auralscope.ui.graphs.heatmap_layout import Matrix, Place

NOWHERE = (-1, -1)


class Heatmap(QWidget):
    """A matrix of labels against labels.

    The mouse points at a cell or at a name, the arrow keys go from cell to cell (left of the first column stand the
    names), Enter and a click choose. Everything that does not move is drawn once.

    Parameters
    ----------
    name : str
        For screen readers.
    beside : Heatmap, optional
        One to the left of this, of the same height and with the same rows; their names stand there.
    """

    pointed = Signal(int, int)
    """Row and column under the pointer or the keys; -1 for none, a row of column -1 for a name."""
    chosen = Signal(int, int)

    def __init__(self, name: str, beside: Heatmap | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.names = beside is None
        self._beside = beside
        self.matrix: Matrix | None = None
        self.cell = NOWHERE
        self._marked: tuple[int, ...] = ()
        self._ground: QPixmap | None = None
        self._place: Place | None = None
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
        self._marked = ()
        self.redraw()

    def redraw(self) -> None:
        """Draw everything anew: size, theme or matrix are others."""
        self._ground = None
        self._place = None
        self.update()

    def mark(self, labels: tuple[int, ...]) -> None:
        """Mark a label (its row and column), or two (their cells)."""
        if labels != self._marked:
            self._marked = labels
            self.update()

    def point(self, row: int, column: int) -> None:
        """Show the cell that is meant elsewhere."""
        if (row, column) != self.cell:
            self.cell = (row, column)
            self.update()

    @property
    def place(self) -> Place:
        """Where everything lies at this size."""
        if self._place is None:
            labels = self.matrix.labels if self.matrix is not None else ()
            has_tree = self.matrix is not None and self.matrix.linkage is not None
            beside = self._beside.place if self._beside is not None else None
            self._place = Place.of(
                self.size(), labels, self.font(), names=self.names, tree=has_tree and self.names, beside=beside
            )
        return self._place

    def cell_rect(self, row: int, column: int) -> QRect:
        """Where a cell lies; of column -1 a row's name, of row -1 a column's."""
        return self.place.rect(row, column)

    def cell_at(self, at: QPoint) -> tuple[int, int]:
        """Row and column at a point; column -1 for a row's name, `NOWHERE` outside. A column's name is its row's."""
        return self.place.at(at) if self.matrix is not None else NOWHERE

    # -- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.matrix is None:
            return
        if self._ground is None or self._ground.devicePixelRatio() != self.devicePixelRatioF():
            self._ground = self._draw_ground()
        painter.drawPixmap(0, 0, self._ground)
        self._draw_marks(painter)
        self._draw_pointer(painter)
        if self.hasFocus():
            painter.setPen(QColor(theme.current().original))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.place.cells.adjusted(-2, -2, 1, 1))

    def _draw_ground(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        ground = QPixmap(self.size() * ratio)
        ground.setDevicePixelRatio(ratio)
        ground.fill(Qt.GlobalColor.transparent)
        painter = QPainter(ground)
        painter.setFont(self.font())
        assert self.matrix is not None
        painting.draw(painter, self.matrix, self.place)
        painter.end()
        return ground

    def _draw_marks(self, painter: QPainter) -> None:
        place, count = self.place, len(self.place.columns) - 1
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.current().feature), 2))
        if len(self._marked) == 1:
            row = self._marked[0]
            across = place.rect(row, 0).united(place.rect(row, count - 1))
            painter.drawRect(across.adjusted(0, 0, -1, -1))
            painter.drawRect(place.rect(0, row).united(place.rect(count - 1, row)).adjusted(0, 0, -1, -1))
        elif len(self._marked) == 2:
            for row, column in (self._marked, self._marked[::-1]):
                if self.matrix is not None and self.matrix.shows(row, column):
                    painter.drawRect(place.rect(row, column).adjusted(-1, -1, 0, 0))

    def _draw_pointer(self, painter: QPainter) -> None:
        row, column = self.cell
        if row < 0 or self.matrix is None:
            return
        place, colours = self.place, theme.current()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        tint = QColor(colours.original)
        tint.setAlpha(60)
        for rect in (place.rect(row, -1), place.rect(-1, column if column >= 0 else row)):
            if not rect.isEmpty():
                painter.fillRect(rect, tint)
        if column >= 0:
            painter.setPen(QPen(QColor(colours.text), 2))
            painter.drawRect(place.rect(row, column).adjusted(-1, -1, 0, 0))

    # -- mouse and keys ----------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._go_to(self._visible(self.cell_at(event.position().toPoint())))

    def leaveEvent(self, event: QEvent) -> None:
        self._go_to(NOWHERE)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        row, column = self._visible(self.cell_at(event.position().toPoint()))
        if row >= 0:
            self.chosen.emit(row, row if column < 0 else column)

    def _visible(self, cell: tuple[int, int]) -> tuple[int, int]:
        """Above the diagonal of a half there is nothing; on it stands the label itself."""
        row, column = cell
        if self.matrix is None or row < 0 or (column >= 0 and self.matrix.half and column > row):
            return NOWHERE
        return cell

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        row, column = self.cell
        if self.matrix is None or not self.matrix.labels:
            super().keyPressEvent(event)
        elif event.key() in steps and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._step(*steps[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row >= 0:
            self.chosen.emit(row, row if column < 0 else column)
        else:
            super().keyPressEvent(event)

    def _step(self, down: int, right: int) -> None:
        assert self.matrix is not None
        if self.cell == NOWHERE:
            self._go_to((0, -1))
            return
        last = len(self.matrix.labels) - 1
        row = min(max(self.cell[0] + down, 0), last)
        column = min(max(self.cell[1] + right, -1), row if self.matrix.half else last)
        self._go_to((row, column))

    def _go_to(self, cell: tuple[int, int]) -> None:
        if cell != self.cell:
            self.cell = cell
            self.update()
            self.pointed.emit(*cell)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row, column = self.cell_at(event.pos())
            text = self.matrix.labels[row] if self.matrix is not None and row >= 0 and column < 0 else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.redraw()
        super().resizeEvent(event)
