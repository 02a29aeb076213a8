"""Similarity of labels to the model, and the units behind a label or a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from auralscope.ui.graphs.bars import Bar, BarList
from auralscope.ui.graphs.heatmap import Heatmap
from auralscope.ui.labels.heatmaps import HeatmapFigure, matrix_of
from auralscope.ui.labels.tab import Tab, button, pair_bar
from auralscope.ui.widgets.sentences import sentence
from auralscope.wording import decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from auralscope.nn.analysis.label_vectors import LabelVectors, Vote
    from auralscope.session.labels.state import Labels


class SimilarityFigure(HeatmapFigure):
    """Similarity of each label to each other label."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(labels, [Heatmap("Similarity of labels")], parent)
        labels.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        missing, vectors = self.missing(), self.labels.vectors
        if missing or vectors is None:
            self.show_sentence(missing)
        else:
            self.show_matrices(matrix_of(self.labels, vectors.similarity(metric=self.labels.metric), half=self.half))


class SimilarityTab(Tab):
    """All pairs by similarity, or all labels by their similarity to the selected one, above the units behind them."""

    figure: SimilarityFigure

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(SimilarityFigure(labels), parent)
        self._labels = labels
        self.title = sentence("title")
        self.back = button("All pairs", "Clear the selection", labels.select)
        self.similar = BarList("Labels by similarity")
        self.units_title = sentence("title")
        self.units_about = sentence("dim")
        self.units = BarList("Units by weight", name_share=0.3)
        self.stack(
            [self.title, self.back], self.about, (self.similar, 3), self.units_title, self.units_about, (self.units, 2)
        )
        self.similar.chosen.connect(lambda key: labels.select(*key))
        self.units.chosen.connect(labels.choose_unit)
        for changed in (labels.changed, labels.selected_changed):
            changed.connect(self.refresh)
        labels.truth_changed.connect(self._show_about)
        self.refresh()

    def refresh(self) -> None:
        """Show all pairs, the selected label or the selected pair."""
        vectors, selected = self._labels.vectors, self._labels.selected
        for widget in (self.back, self.units_title, self.units_about, self.units):
            widget.setVisible(bool(selected))
        self.similar.setVisible(len(selected) != 2)
        self.title.setText(" – ".join(selected) or ("Pairs, the most similar first" if vectors is not None else ""))
        self._show_about()
        if vectors is None:
            self.similar.set_bars(())
        elif len(selected) == 2:
            self.units_title.setText("Units that both share")
            self._show_units(vectors.shared_units(*selected))
        elif selected:
            self._show_label(vectors, selected[0])
            self.units_title.setText(f"Units for and against {selected[0]}")
            self._show_units(vectors.votes(selected[0]))
        else:
            shown = set(self._labels.labels)
            pairs = (pair for pair in vectors.pairs(metric=self._labels.metric) if pair.a in shown and pair.b in shown)
            self.similar.name_share = 0.62
            self.similar.set_bars([pair_bar(pair.a, pair.b, pair.value) for pair in pairs])

    def _show_label(self, vectors: LabelVectors, label: str) -> None:
        row = vectors.similarity(metric=self._labels.metric)[vectors.index(label)]
        values = {other: float(row[vectors.index(other)]) for other in self._labels.labels if other != label}
        self.similar.name_share = 0.42
        self.similar.set_bars(
            [
                Bar(other, decimal(value), value, (label, other), self._labels.pair_sentence(label, other))
                for other, value in sorted(values.items(), key=lambda item: (np.isnan(item[1]), -item[1]))
            ],
        )

    def _show_units(self, votes: Sequence[Vote]) -> None:
        click = " Click to hear it." if self._labels.has_units() else ""
        bars = []
        for unit, weight in votes:
            name = self._labels.unit_name(unit)
            about = f"Unit {name}: {weight:+.4f}.{click}"
            bars.append(Bar(name, f"{weight:+.3f}".replace("-", "−"), weight, unit, about))
        self.units.set_bars(bars)

    def _show_about(self) -> None:
        labels, selected, vectors = self._labels, self._labels.selected, self._labels.vectors
        click = "Click a unit to hear it." if labels.has_units() else "These rows are not units of a layer: no sound."
        if vectors is None:
            self.about.setText("")
        elif len(selected) == 2:
            self.about.setText(f"{labels.pair_sentence(*selected)}.")
            self.units_about.setText(f"What each unit adds to the cosine. {click}")
        elif selected:
            self.about.setText("Its similarity to each label shown.")
            self.units_about.setText(f"The weight from each unit to the label. {click}")
        else:
            values = vectors.similarity(metric=labels.metric)[np.triu_indices(len(vectors.labels), 1)]
            self.about.setText(
                f"{len(vectors.labels)} labels, {len(vectors.matrix)} units. "
                f"{int((values < 0.0).sum()):,} of {values.size:,} pairs are negative."
            )
