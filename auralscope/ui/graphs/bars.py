"""A list of names with a bar and a number each, to read what is most and what is least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from auralscope.ui import theme

if TYPE_CHECKING:
    from collections.abc import Sequence

Index = QModelIndex | QPersistentModelIndex
BarRole = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Bar:
    """One line.

    Attributes
    ----------
    name, number : str
        What stands at the left and at the right.
    share : float
        -1 to 1: the bar, to the left or to the right of the middle.
    key : object
        What is told when it is chosen.
    sentence : str
        Tooltip, and what a screen reader says.
    colour : str
        Of the bar, in place of one for positive and one for negative.
    """

    name: str
    number: str
    share: float
    key: Any
    sentence: str = ""
    colour: str = ""


class _Model(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.bars: Sequence[Bar] = ()

    def set_bars(self, bars: Sequence[Bar]) -> None:
        self.beginResetModel()
        self.bars = bars
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.bars)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        bar = self.bars[index.row()]
        if role == BarRole:
            return bar
        if role == Qt.ItemDataRole.DisplayRole:
            return bar.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return bar.sentence or f"{bar.name}: {bar.number}"
        return None


class _Delegate(QStyledItemDelegate):
    """Name, bar, number."""

    def __init__(self, view: BarList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(80, self._view.fontMetrics().height() + 4)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        bar: Bar = index.data(BarRole)
        colours = theme.current()
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            tint = QColor(colours.feature)
            tint.setAlpha(50)
            painter.fillRect(rect, tint)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(colours.raised))
        metrics = painter.fontMetrics()
        inner = rect.adjusted(5, 0, -5, 0)
        number_px = metrics.horizontalAdvance("−0.888 ")
        name_px = max(round(inner.width() * self._view.name_share), 30)
        name = QRect(inner.left(), inner.top(), name_px - 6, inner.height())
        painter.setPen(QColor(colours.text))
        middle = Qt.AlignmentFlag.AlignVCenter
        text = metrics.elidedText(bar.name, Qt.TextElideMode.ElideRight, name.width())
        painter.drawText(name, Qt.AlignmentFlag.AlignLeft | middle, text)
        painter.setPen(QColor(colours.dim))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | middle, bar.number)
        track = QRect(inner.left() + name_px, rect.center().y() - 3, inner.width() - name_px - number_px, 7)
        if track.width() > 8:
            self._paint_bar(painter, track, bar)
        painter.restore()

    def _paint_bar(self, painter: QPainter, track: QRect, bar: Bar) -> None:
        """To the right in the colour of what is positive, to the left in that of what is negative."""
        colours, share = theme.current(), bar.share
        middle = track.left() + track.width() // 2 if self._view.signed else track.left()
        reach = track.right() - middle
        length = round(reach * min(abs(share), 1.0)) if share == share else 0
        hue = bar.colour or ("#dd7a26" if share > 0.0 else "#3f86c4")
        painter.fillRect(QRect(middle, track.top() - 2, 1, track.height() + 4), QColor(colours.border))
        left = middle + 1 if share > 0.0 else middle - length
        painter.fillRect(QRect(left, track.top(), length, track.height()), QColor(hue))


class BarList(QListView):
    """Lines of which one can be chosen, by click or with Enter.

    Parameters
    ----------
    name : str
        For screen readers.
    signed : bool
        Whether bars go to both sides.
    name_share : float
        How much of the width is for names.
    """

    chosen = Signal(object)
    """The key of a line."""

    def __init__(
        self, name: str, *, signed: bool = True, name_share: float = 0.42, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.signed = signed
        self.name_share = name_share
        self._model = _Model(self)
        self.setModel(self._model)
        self.setItemDelegate(_Delegate(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setAccessibleName(name)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(60)
        self.clicked.connect(self._choose)

    @property
    def bars(self) -> Sequence[Bar]:
        return self._model.bars

    def set_bars(self, bars: Sequence[Bar]) -> None:
        """Show other lines, from the first."""
        self._model.set_bars(bars)
        self.scrollToTop()

    def mark(self, key: object) -> None:
        """Show which line is the one that was chosen; none for a key that is not there."""
        row = next((row for row, bar in enumerate(self.bars) if bar.key == key), None)
        if row is None:
            self.clearSelection()
            return
        self.setCurrentIndex(self._model.index(row))
        self.scrollTo(self._model.index(row))

    def sizeHint(self) -> QSize:
        return QSize(240, 160)

    def _choose(self, index: Index) -> None:
        self.chosen.emit(self.bars[index.row()].key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._choose(self.currentIndex())
        else:
            super().keyPressEvent(event)
