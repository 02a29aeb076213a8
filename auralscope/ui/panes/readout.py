"""The small text over a picture that says what is under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

if TYPE_CHECKING:
    from auralscope.ui.panes.colour import PaneColours


class ReadoutLabel(QLabel):
    """A line in the upper right corner of its parent; the mouse goes through it."""

    MARGIN_PX = 6

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.hide()

    def restyle(self, colours: PaneColours) -> None:
        self.setStyleSheet(
            f"color: {colours.text.name()}; background: rgba({colours.plate.red()}, {colours.plate.green()}, "
            f"{colours.plate.blue()}, {colours.plate.alpha()}); border-radius: 3px; padding: 2px 6px;"
        )

    def show_text(self, text: str) -> None:
        """Show a text, or nothing where it is empty."""
        self.setVisible(bool(text))
        if text:
            self.setText(text)
            self.place()

    def place(self) -> None:
        self.adjustSize()
        parent = self.parentWidget()
        if parent is not None:
            self.move(parent.width() - self.width() - self.MARGIN_PX, self.MARGIN_PX)
