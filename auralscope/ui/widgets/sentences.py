"""Labels for sentences: they wrap, and show names as plain text."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel


def sentence(name: str = "") -> QLabel:
    """Return an empty label whose object name in the style sheet is `name`: "dim", "problem" or none."""
    label = QLabel()
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
