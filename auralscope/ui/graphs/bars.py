"""List of names with a bar and a number each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from auralscope.ui import theme
from auralscope.ui.graphs.diverging import NEGATIVE, POSITIVE
from auralscope.ui.graphs.lists import Index, ItemList, ItemRole

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Bar:
    """One line of the list.

    Attributes
    ----------
    name, number : str
        Texts at the left and at the right.
    value : float
        Length of the bar; positive to the right, negative to the left. NaN for no bar.
    key : object
        Emitted when the line is chosen.
    about : str
        Tooltip and text for screen readers; by default name and number.
    colour : str
        Colour of the bar; by default one for positive and one for negative values.
    """

    name: str
    number: str
    value: float
    key: Any
    about: str = ""
    colour: str = ""

    @property
    def sentence(self) -> str:
        """The tooltip."""
        return self.about or f"{self.name}: {self.number}"


class BarList(ItemList):
    """List of bars; a click or Enter chooses one.

    Parameters
    ----------
    name : str
        For screen readers.
    signed : bool
        Whether bars go to both sides.
    name_share : float
        Share of the width that names take.
    """

    def __init__(
        self, name: str, *, signed: bool = True, name_share: float = 0.42, parent: QWidget | None = None
    ) -> None:
        super().__init__(name, parent)
        self.signed = signed
        self.name_share = name_share
        self.longest = 1.0
        """Value whose bar takes all the room."""
        self.setItemDelegate(_Delegate(self))
        self.setMinimumHeight(60)

    def set_bars(self, bars: Sequence[Bar], *, longest: float | None = None) -> None:
        """Show other bars; `longest` is the value whose bar takes all the room, by default the largest one."""
        if longest is None:
            longest = max((abs(bar.value) for bar in bars if not math.isnan(bar.value)), default=0.0)
        self.longest = longest or 1.0
        self.set_items(bars)

    def sizeHint(self) -> QSize:
        return QSize(240, 160)


class _Delegate(QStyledItemDelegate):
    """Paints name, bar and number."""

    def __init__(self, view: BarList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(80, self._view.fontMetrics().height() + 4)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        bar: Bar = index.data(ItemRole)
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
        metrics, middle = painter.fontMetrics(), Qt.AlignmentFlag.AlignVCenter
        inner = rect.adjusted(5, 0, -5, 0)
        number_px = metrics.horizontalAdvance("−0.888 ")
        name_px = max(round(inner.width() * self._view.name_share), 30)
        painter.setPen(QColor(colours.text))
        name = metrics.elidedText(bar.name, Qt.TextElideMode.ElideRight, name_px - 6)
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | middle, name)
        painter.setPen(QColor(colours.dim))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | middle, bar.number)
        track = QRect(inner.left() + name_px, rect.center().y() - 3, inner.width() - name_px - number_px, 7)
        if track.width() > 8:
            self._paint_bar(painter, track, bar)
        painter.restore()

    def _paint_bar(self, painter: QPainter, track: QRect, bar: Bar) -> None:
        value = bar.value / self._view.longest
        zero = track.left() + track.width() // 2 if self._view.signed else track.left()
        length = 0 if math.isnan(value) else round((track.right() - zero) * min(abs(value), 1.0))
        painter.fillRect(QRect(zero, track.top() - 2, 1, track.height() + 4), QColor(theme.current().border))
        left = zero + 1 if value > 0.0 else zero - length
        colour = bar.colour or (POSITIVE if value > 0.0 else NEGATIVE)
        painter.fillRect(QRect(left, track.top(), length, track.height()), QColor(colour))
