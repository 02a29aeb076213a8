"""What there is to say of the label or the pair that is meant: what is like it, and which units speak for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.labels.figures import SimilarityFigure
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auralscope.nn.analysis.label_vectors import LabelVectors, Vote
    from auralscope.session.labels.state import Labels


class DetailsPane(QWidget):
    """All pairs, or what is like a label, above the units that vote.

    Parameters
    ----------
    labels : Labels

    Attributes
    ----------
    figure : SimilarityFigure
        The heatmap beside it.
    """

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = labels
        self.figure = SimilarityFigure(labels)
        self.title = QLabel()
        self.title.setObjectName("title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.back = QPushButton("All pairs")
        self.back.setToolTip("Let the label or pair go")
        self.back.clicked.connect(lambda: labels.select())
        self.about = sentence("dim")
        self.alike = BarList("Labels by similarity")
        self.units_title = QLabel()
        self.units_title.setObjectName("title")
        self.units_about = sentence("dim")
        self.units = BarList("Units by their vote", name_share=0.3)
        row = QHBoxLayout()
        row.addWidget(self.title, 1)
        row.addWidget(self.back)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.about)
        layout.addWidget(self.alike, 3)
        layout.addWidget(self.units_title)
        layout.addWidget(self.units_about)
        layout.addWidget(self.units, 2)
        self.alike.chosen.connect(self._select)
        self.units.chosen.connect(labels.choose_unit)
        labels.changed.connect(self.refresh)
        labels.selected_changed.connect(self.refresh)
        labels.truth_changed.connect(self._say)
        self.refresh()

    def recolour(self) -> None:
        """After a change of theme."""
        self.alike.update()
        self.units.update()

    def refresh(self) -> None:
        """Show what is meant now."""
        vectors, selected = self._labels.vectors, self._labels.selected
        for widget in (self.units_title, self.units_about, self.units):
            widget.setVisible(bool(selected))
        self.alike.setVisible(len(selected) != 2)
        self.back.setVisible(bool(selected))
        if vectors is None:
            self.title.setText("")
            self.alike.set_bars(())
        elif len(selected) == 2:
            self._show_pair(vectors, *selected)
        elif selected:
            self._show_label(vectors, selected[0])
        else:
            self._show_pairs(vectors)
        self._say()

    def _select(self, key: tuple[str, ...]) -> None:
        self._labels.select(*key)

    def _show_pairs(self, vectors: LabelVectors) -> None:
        self.title.setText("Pairs, the most alike first")
        metric, shown = self._labels.metric, set(self._labels.labels)
        pairs = [pair for pair in vectors.pairs(metric) if pair.a in shown and pair.b in shown]
        most = max((abs(pair.value) for pair in pairs if not np.isnan(pair.value)), default=1.0) or 1.0
        self.alike.name_share = 0.62
        self.alike.set_bars(
            [Bar(f"{pair.a} – {pair.b}", decimal(pair.value), pair.value / most, (pair.a, pair.b)) for pair in pairs]
        )

    def _show_label(self, vectors: LabelVectors, label: str) -> None:
        self.title.setText(label)
        values = vectors.similarity(self._labels.metric)[vectors.index(label)]
        others = [other for other in self._labels.labels if other != label]
        of = {other: float(values[vectors.index(other)]) for other in others}
        others.sort(key=lambda other: (np.isnan(of[other]), -of[other]))
        most = max((abs(value) for value in of.values() if not np.isnan(value)), default=1.0) or 1.0
        self.alike.name_share = 0.42
        self.alike.set_bars(
            [
                Bar(
                    other,
                    decimal(of[other]),
                    of[other] / most,
                    (label, other),
                    self._labels.pair_sentence(label, other),
                )
                for other in others
            ]
        )
        self.units_title.setText(f"Units that vote for and against {label}")
        self._show_units(vectors.votes(label))

    def _show_pair(self, vectors: LabelVectors, a: str, b: str) -> None:
        self.title.setText(f"{a} – {b}")
        self.units_title.setText("Units that they share")
        self._show_units(vectors.shared_units(a, b))

    def _show_units(self, votes: Sequence[Vote]) -> None:
        most = max((abs(vote.weight) for vote in votes), default=1.0) or 1.0
        hear = "Click to hear it." if self._labels.has_units() else ""
        name = self._labels.unit_name
        self.units.set_bars(
            [
                Bar(
                    name(vote.unit),
                    f"{vote.weight:+.3f}".replace("-", "−"),
                    vote.weight / most,
                    vote.unit,
                    f"Unit {name(vote.unit)}: {vote.weight:+.4f}. {hear}",
                )
                for vote in votes
            ]
        )

    def _say(self) -> None:
        labels, selected = self._labels, self._labels.selected
        vectors = labels.vectors
        self.about.setText("")
        if vectors is None:
            return
        if len(selected) == 2:
            self.about.setText(labels.pair_sentence(*selected) + ".")
            self.units_about.setText("What each unit adds to their cosine. " + self._how_to_hear())
        elif selected:
            self.about.setText("Its similarity to every label shown.")
            self.units_about.setText("The weight from each unit to the label. " + self._how_to_hear())
        else:
            some = vectors.similarity(labels.metric)[np.triu_indices(len(vectors.labels), 1)]
            self.about.setText(
                f"{len(vectors.labels)} labels, {len(vectors.matrix)} units. "
                f"{int((some < 0.0).sum()):,} of {some.size:,} pairs are negative."
            )

    def _how_to_hear(self) -> str:
        if self._labels.has_units():
            return "Click a unit to hear it."
        return "The rows are no layer's units, so they cannot be heard one by one."
