"""Rows and columns of widgets, and dim labels, in one call each."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QLayout, QSizePolicy, QVBoxLayout, QWidget

Item = QWidget | QLayout | tuple[QWidget | QLayout, int] | None
"""Widget or layout, with its stretch if it grows. None stands for empty space that grows."""


def in_row(*items: Item, spacing: int = 8, parent: QWidget | None = None) -> QHBoxLayout:
    """Return a row of items without margins; with a parent, it becomes the parent's layout."""
    layout = QHBoxLayout(parent) if parent is not None else QHBoxLayout()
    _fill(layout, items, spacing, (0, 0, 0, 0))
    return layout


def in_column(
    parent: QWidget, *items: Item, spacing: int = 4, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QVBoxLayout:
    """Lay out items from top to bottom in a widget. Margins: left, top, right, bottom."""
    layout = QVBoxLayout(parent)
    _fill(layout, items, spacing, margins)
    return layout


def together(*items: Item, spacing: int = 6) -> QWidget:
    """Return a widget that keeps items in one row."""
    widget = QWidget()
    in_row(*items, spacing=spacing, parent=widget)
    return widget


class _ElidedLabel(QLabel):
    """Label that ends with an ellipsis where its text does not fit, and is empty where less than half of it fits."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, rect = QPainter(self), self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, rect.width())
        if 2 * len(text) < len(self.text()):
            return
        flags = self.alignment() | Qt.TextFlag.TextSingleLine
        self.style().drawItemText(
            painter, rect, int(flags), self.palette(), self.isEnabled(), text, self.foregroundRole()
        )


def line(name: str = "dim", *, elastic: bool = False) -> QLabel:
    """Return an empty label for one line of plain text; an elastic one takes the width that is left."""
    label = _ElidedLabel() if elastic else QLabel()
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if elastic:
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def heading(text: str) -> QLabel:
    """Return a label in bold."""
    label = QLabel(text)
    label.setObjectName("title")
    return label


def _fill(layout: QBoxLayout, items: tuple[Item, ...], spacing: int, margins: tuple[int, int, int, int]) -> None:
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    for each in items:
        item, stretch = each if isinstance(each, tuple) else (each, 0)
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, QWidget):
            layout.addWidget(item, stretch)
        else:
            layout.addLayout(item, stretch)
