"""Two models side by side: where they differ in how alike they hold two labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from auralscope.ui import theme
from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.heatmap import Heatmap
from auralscope.ui.graphs.heatmap_layout import Matrix
from auralscope.ui.labels.figures import Figure, limit_of
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal

if TYPE_CHECKING:
    from auralscope.session.labels.second_model import OtherModel
    from auralscope.session.labels.state import Labels


class OtherFigure(Figure):
    """The difference of two models' similarities."""

    def __init__(self, labels: Labels, other: OtherModel, parent: QWidget | None = None) -> None:
        super().__init__(labels, [Heatmap("Difference of two models")], parent)
        self._other = other
        other.changed.connect(self.refresh)
        labels.selected_changed.connect(self.mark_selected)
        self.refresh()

    @property
    def shown(self) -> tuple[str, ...]:
        return self._other.labels

    def refresh(self) -> None:
        """Show what is chosen."""
        other, comparison = self._other, self._other.comparison
        nothing = self.nothing() or other.problem
        if nothing or comparison is None or other.spec is None:
            waiting = f"Finding the label vectors of {other.spec.title}…" if other.spec is not None else ""
            self.show_sentence(nothing or waiting or "Choose another model to see where the two differ.")
            return
        title = f"Similarity to {self.labels.title} minus similarity to {other.spec.title}"
        values = other.shown(comparison.difference)
        limit = limit_of(comparison.difference)
        self.show_matrices([Matrix(values, other.labels, limit=limit, half=self.half, title=title)])

    def say(self, row: int, column: int) -> str:
        return self._other.pair_sentence(self.shown[row], self.shown[column if column >= 0 else row])


class OtherTab(QWidget):
    """The column beside the difference: which model, and the pairs on which the two disagree most.

    Attributes
    ----------
    figure : OtherFigure
    """

    def __init__(self, labels: Labels, other: OtherModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = labels
        self._other = other
        self.figure = OtherFigure(labels, other)
        self.choice = QComboBox()
        self.choice.setAccessibleName("The other model")
        self.choice.setToolTip("The model to compare with; it is loaded for its label vectors only")
        self.about = sentence("dim")
        self.title = QLabel("Pairs on which they disagree most")
        self.title.setObjectName("title")
        self.pairs = BarList("Pairs on which the models disagree most", name_share=0.62)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.choice)
        layout.addWidget(self.about)
        layout.addWidget(self.title)
        layout.addWidget(self.pairs, 1)
        layout.addStretch()
        self.choice.activated.connect(lambda _row: other.choose(self.choice.currentData()))
        self.pairs.chosen.connect(lambda key: labels.select(*key))
        labels.selected_changed.connect(lambda: self.pairs.mark(labels.selected))
        other.changed.connect(self.refresh)
        self.refresh()

    def recolour(self) -> None:
        """After a change of theme."""
        self.about.setStyleSheet(f"color: {theme.current().dim};")

    def refresh(self) -> None:
        """Show what is chosen."""
        other, comparison = self._other, self._other.comparison
        specs = other.specs
        if [self.choice.itemData(row) for row in range(self.choice.count())] != specs:
            self.choice.clear()
            for spec in specs:
                self.choice.addItem(spec.title, spec)
        self.choice.setPlaceholderText("Compare with…")
        self.choice.setCurrentIndex(specs.index(other.spec) if other.spec in specs else -1)
        self.choice.setEnabled(bool(specs) and self._labels.vectors is not None)
        self.title.setVisible(comparison is not None)
        self.pairs.setVisible(comparison is not None)
        if comparison is None:
            self.about.setText("")
            return
        self.about.setText(
            f"{len(comparison.labels)} labels that both know. Between their similarities: "
            f"Spearman {decimal(comparison.spearman)}, Pearson {decimal(comparison.pearson)}."
        )
        there = set(other.labels)
        pairs = [pair for pair in comparison.disagreements() if pair.a in there and pair.b in there]
        most = max((abs(pair.difference) for pair in pairs if not np.isnan(pair.difference)), default=1.0) or 1.0
        self.pairs.set_bars(
            [
                Bar(
                    f"{pair.a} – {pair.b}",
                    decimal(pair.difference),
                    pair.difference / most,
                    (pair.a, pair.b),
                    other.pair_sentence(pair.a, pair.b),
                )
                for pair in pairs
            ]
        )
