"""Bases of a tab of the label page: a large figure, and a column of controls and lists beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from auralscope.ui.graphs.bars import Bar
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal

if TYPE_CHECKING:
    from collections.abc import Callable


class Figure(QStackedWidget):
    """Content of a figure, or a sentence that says why there is none."""

    readout_changed = Signal(str)
    """Text about the cell or point under the pointer; empty for none."""

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = sentence()
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.addWidget(content)
        self.addWidget(self.sentence)

    def show_content(self) -> None:
        """Show the content."""
        self.setCurrentIndex(0)

    def show_sentence(self, text: str) -> None:
        """Show a sentence instead of the content."""
        self.sentence.setText(text)
        self.setCurrentIndex(1)


class Tab(QWidget):
    """Column beside a figure.

    Attributes
    ----------
    figure : Figure
    problem : QLabel
        What went wrong; hidden if nothing did.
    about : QLabel
        What the figure shows.
    """

    def __init__(self, figure: Figure, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.figure = figure
        self.problem = sentence("problem")
        self.about = sentence("dim")

    def stack(self, *rows: QWidget | tuple[QWidget, int] | list[QWidget]) -> None:
        """Lay out rows from top to bottom: a widget, one with a stretch factor, or some side by side."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for row in rows:
            if isinstance(row, list):
                across = QHBoxLayout()
                for widget in row:
                    across.addWidget(widget, 1)
                column.addLayout(across)
            elif isinstance(row, tuple):
                column.addWidget(*row)
            else:
                column.addWidget(row)
        column.addStretch()

    def show_problems(self, *sentences: str) -> None:
        """Show what went wrong; empty sentences are left out."""
        self.problem.setText("\n".join(text for text in sentences if text))
        self.problem.setVisible(any(sentences))


def button(text: str, tip: str, clicked: Callable[[], object]) -> QPushButton:
    """Make a button with a tooltip."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.clicked.connect(lambda: clicked())
    return made


def pair_bar(a: str, b: str, value: float, about: str = "") -> Bar:
    """Return the bar of a pair of labels."""
    return Bar(f"{a} – {b}", decimal(value), value, (a, b), about)
