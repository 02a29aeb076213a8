"""Labels for sentences: broken into lines, and never taken for HTML, whatever names are in them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel


def sentence(name: str = "") -> QLabel:
    """An empty one; `name` is the style sheet's: "dim", "problem" or none."""
    label = QLabel()
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
