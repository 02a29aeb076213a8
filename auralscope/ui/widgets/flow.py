"""Rows of controls that continue on a second line where they do not fit."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """Layout of widgets from left to right, in as many lines as they need.

    Widgets after a stretch are moved to the right end of their line.

    Parameters
    ----------
    *items : QWidget or None
        None stands for a stretch.
    spacing : int
    parent : QWidget
    """

    def __init__(self, *items: QWidget | None, spacing: int, parent: QWidget) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._stretch_before: set[int] = set()
        self.setSpacing(spacing)
        self.setContentsMargins(0, 0, 0, 0)
        for widget in items:
            if widget is None:
                self._stretch_before.add(len(self._items))
            else:
                self.addWidget(widget)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._height(self._lines(width))

    def sizeHint(self) -> QSize:
        return QSize(self._width(self._shown()), self._height([self._shown()]))

    def minimumSize(self) -> QSize:
        widest = max((self._items[place].sizeHint().width() for place in self._shown()), default=0)
        return QSize(widest, self._height([self._shown()]))

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        top = rect.top()
        for line in self._lines(rect.width()):
            height = self._height([line])
            free = rect.width() - self._width(line)
            left = rect.left()
            for place in line:
                if place in self._stretch_before and place != line[0]:
                    left, free = left + free, 0
                size = self._items[place].sizeHint()
                at = QPoint(left, top + (height - size.height()) // 2)
                self._items[place].setGeometry(QRect(at, size))
                left += size.width() + self.spacing()
            top += height + self.spacing()

    def _shown(self) -> list[int]:
        return [place for place, item in enumerate(self._items) if not item.isEmpty()]

    def _lines(self, width: int) -> list[list[int]]:
        lines: list[list[int]] = []
        for place in self._shown():
            if lines and self._width([*lines[-1], place]) <= width:
                lines[-1].append(place)
            else:
                lines.append([place])
        return lines

    def _width(self, line: list[int]) -> int:
        return sum(self._items[place].sizeHint().width() for place in line) + self.spacing() * max(len(line) - 1, 0)

    def _height(self, lines: list[list[int]]) -> int:
        heights = [max((self._items[place].sizeHint().height() for place in line), default=0) for line in lines]
        return sum(heights) + self.spacing() * max(len(lines) - 1, 0)
